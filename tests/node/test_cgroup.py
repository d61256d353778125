import pytest

from pilot.agent import confine
from pilot.node import cgroup

V2_MOUNT = "30 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw\n"
V1_MOUNTS = ("31 30 0:27 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
             "32 30 0:28 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
             "33 30 0:29 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids\n")


def tree(root, files):
    for name, text in files.items():
        path = root / name.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return str(root)


def test_the_smallest_limit_of_all_ancestors_counts_in_version_2(tmp_path):
    root = tree(
        tmp_path,
        {
            "sys/fs/cgroup/a/b/cpu.max": "max 100000\n",
            "sys/fs/cgroup/a/cpu.max": "150000 100000\n",
            "sys/fs/cgroup/a/b/memory.max": "4294967296\n",
            "sys/fs/cgroup/a/memory.high": "2147483648\n",
            "sys/fs/cgroup/a/memory.max": "max\n",
            "sys/fs/cgroup/a/b/pids.max": "100\n",
        },
    )
    found = cgroup.directories("0::/a/b\n", V2_MOUNT, root)
    assert found[""] == [
        root + "/sys/fs/cgroup/a/b",
        root + "/sys/fs/cgroup/a",
        root + "/sys/fs/cgroup",
    ]
    assert cgroup.limits(found) == cgroup.CgroupLimits(1.5, 2048, 100)


def test_version_1_has_a_hierarchy_for_each_controller(tmp_path):
    root = tree(
        tmp_path,
        {
            "sys/fs/cgroup/memory/job/memory.limit_in_bytes": "9223372036854771712\n",
            "sys/fs/cgroup/memory/job/memory.stat": "cache 1\nhierarchical_memory_limit 67108864\n",
            "sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_quota_us": "-1\n",
            "sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_period_us": "100000\n",
            "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "200000\n",
            "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000\n",
            "sys/fs/cgroup/pids/job/pids.max": "max\n",
        },
    )
    found = cgroup.directories(
        "3:memory:/job\n2:cpu,cpuacct:/job\n4:pids:/job\n0::/\n", V1_MOUNTS, root
    )
    assert cgroup.limits(found) == cgroup.CgroupLimits(2.0, 64, None)


def test_in_a_container_the_mount_is_a_part_of_the_tree(tmp_path):
    mount = "30 23 0:26 /docker/abc /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n"
    assert cgroup.directories("0::/docker/abc/job\n", mount)[""] == [
        "/sys/fs/cgroup/job",
        "/sys/fs/cgroup",
    ]
    assert cgroup.directories("0::/../other\n", V2_MOUNT)[""] == ["/sys/fs/cgroup"]


@pytest.mark.parametrize(
    "groups, mounts",
    [("", ""), ("0::/a\n", ""), ("junk", "junk\n"), ("0::/a\n", "30 23 - cgroup2\n")],
)
def test_where_there_are_no_groups_there_are_no_limits(groups, mounts):
    assert cgroup.limits(cgroup.directories(groups, mounts)) == cgroup.CgroupLimits(None, None, None)


def test_our_own_machine_can_be_asked():
    limits = cgroup.read_limits()
    assert limits.cores is None or limits.cores > 0


def test_delegation_needs_the_memory_controller_handed_down(tmp_path):
    root = tree(
        tmp_path,
        {"g/cgroup.controllers": "cpu memory pids\n", "g/cgroup.subtree_control": "memory\n"},
    )
    assert confine.delegated_group({"": [root + "/g"]}) == root + "/g"
    (tmp_path / "g" / "cgroup.subtree_control").write_text("cpu\n")
    assert confine.delegated_group({"": [root + "/g"]}) is None
    assert confine.delegated_group({}) is None

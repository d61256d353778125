"""What the machine has, asked everywhere."""

import os

import pytest

from pilot.facts import BatchJob, Reading
from pilot.node import hardware
from pilot.node.cgroup import CgroupLimits
from pilot.node.features import Features

NOWHERE = Features(None, None)
CPUINFO = """processor	: 0
model name	: AMD EPYC 7742
cpu MHz		: 2250.000
flags		: fpu sse avx avx2

processor	: 1
model name	: AMD EPYC 7742
flags		: fpu sse avx
"""
ARM = "processor\t: 0\nBogoMIPS\t: 50.00\nFeatures\t: fp asimd\n"
MOUNTS = ("20 1 8:1 / / rw - ext4 /dev/root rw\n"
          "30 20 8:2 / /scratch rw - xfs /dev/sdb1 rw,usrquota\n")


def test_cores_are_asked_everywhere_and_the_smallest_counts():
    readings = hardware.core_readings(
        {"TardisDroneCores": "3"}, BatchJob("Slurm", cores=2), CgroupLimits(1.5, None, None), NOWHERE
    )
    found = {reading.source: reading.value for reading in readings}
    assert found["Slurm"] == 2
    assert found["cgroup"] == 2
    assert found["TardisDroneCores"] == 3
    assert found["processors"] == os.sysconf("SC_NPROCESSORS_ONLN")
    assert hardware.smallest(readings) <= 2


def test_without_proc_the_machines_memory_is_known_all_the_same():
    readings = hardware.memory_readings(
        {}, BatchJob("local"), CgroupLimits(None, None, None), NOWHERE, ""
    )
    assert {reading.source: reading.value for reading in readings}["machine"] == os.sysconf(
        "SC_PHYS_PAGES"
    ) * os.sysconf("SC_PAGE_SIZE") // 1048576


def test_affinity_alone_makes_one_core_of_many(monkeypatch):
    monkeypatch.setattr(os, "sysconf", lambda name: 8)
    monkeypatch.setenv("PYTHON_CPU_COUNT", "99")
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0})
    readings = hardware.core_readings({}, BatchJob("local"), CgroupLimits(None, None, None), NOWHERE)
    assert readings == [Reading("processors", 8), Reading("affinity", 1)]
    assert hardware.smallest(readings) == 1


def test_memory_too():
    readings = hardware.memory_readings(
        {},
        BatchJob("Slurm", memory_mb=2000),
        CgroupLimits(None, 1500, None),
        NOWHERE,
        "MemTotal:  4096000 kB\n",
    )
    assert hardware.smallest(readings) == 1500
    assert Reading("machine", 4000) in readings


def test_disagreement_between_sources_of_the_slot_is_told():
    readings = [Reading("processors", 64), Reading("Slurm", 8), Reading("cgroup", 1)]
    assert (
        hardware.disagreement("cores", readings, ("processors",))
        == "sources disagree on cores: Slurm says 8, cgroup says 1; the smallest counts"
    )
    assert hardware.disagreement("cores", readings[:2], ("processors",)) is None
    close = [Reading("Slurm", 8000), Reading("cgroup", 8192)]
    assert hardware.disagreement("memory", close, ()) is None


def test_the_processor_is_read():
    assert hardware.parse_cpuinfo(CPUINFO) == ("AMD EPYC 7742", ("avx", "fpu", "sse"), 2250.0)
    assert hardware.parse_cpuinfo(ARM).flags == ("asimd", "fp")
    assert hardware.parse_cpuinfo("").model == "unknown"


@pytest.mark.parametrize(
    "text, name",
    [
        (
            'NAME="AlmaLinux"\nPRETTY_NAME="AlmaLinux 9.4 (Seafoam Ocelot)"\n',
            "AlmaLinux 9.4 (Seafoam Ocelot)",
        ),
        ("", os.uname().sysname),
    ],
)
def test_the_systems_name(text, name):
    assert hardware.os_name(text).startswith(name)


def test_the_mount_over_a_path_is_the_longest():
    assert hardware.mount_of("/scratch/job", MOUNTS) == ("/dev/sdb1", "rw,rw,usrquota")
    assert hardware.mount_of("/scratches", MOUNTS)[0] == "/dev/root"


@pytest.mark.parametrize(
    "hard, soft, used, left",
    [(0, 0, 5, None), (2048, 0, 1048576, 1), (4096, 2048, 1048576, 1), (1024, 0, 9999999, 0)],
)
def test_a_quota_leaves_what_its_smaller_limit_leaves(hard, soft, used, left):
    assert hardware.quota_left(hard, soft, used) == left


def test_free_disk_is_what_a_user_may_write(tmp_path):
    space = os.statvfs(str(tmp_path))
    assert 0 < hardware.disk_free_mb(str(tmp_path)) <= space.f_blocks * space.f_frsize // 1048576


def test_free_disk_is_counted_in_fragments(tmp_path, monkeypatch):
    space = os.statvfs(str(tmp_path))
    fields = dict(
        zip(
            ("f_bsize", "f_frsize", "f_blocks", "f_bfree", "f_bavail"),
            (1048576, 4096, 25600, 25600, 25600),
        )
    )
    monkeypatch.setattr(
        hardware.os,
        "statvfs",
        lambda path: type(
            "Space",
            (),
            dict(
                {name: getattr(space, name) for name in dir(space) if name.startswith("f_")},
                **fields,
            ),
        ),
    )
    assert hardware.disk_free_mb(str(tmp_path)) == 100

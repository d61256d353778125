import os
import subprocess
import sys

import pytest

from pilot.facts import GPU, BatchJob, Reading
from pilot.node import container, gpu, hardware
from pilot.node.cgroup import CgroupLimits
from pilot.node.features import Features
from tests.conftest import ROOT

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
NVIDIA = """0, GPU-11111111-aaaa, NVIDIA A100-SXM4-40GB, 40960
1, GPU-22222222-bbbb, NVIDIA A100-SXM4-40GB, 40960
"""
MOUNTS = ("20 1 8:1 / / rw - ext4 /dev/root rw\n"
          "30 20 8:2 / /scratch rw - xfs /dev/sdb1 rw,usrquota\n")


def test_cores_are_asked_everywhere_and_the_smallest_counts():
    readings = hardware.core_readings(
        {"TardisDroneCores": "3"}, BatchJob("Slurm", cores=2), CgroupLimits(1.5, None, None), NOWHERE
    )
    found = {reading.source: reading.value for reading in readings}
    assert (
        found["Slurm"] == 2
        and found["cgroup"] == 2
        and found["TardisDroneCores"] == 3
        and found["processors"] == os.sysconf("SC_NPROCESSORS_ONLN")
    )
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
    assert (
        readings == [Reading("processors", 8), Reading("affinity", 1)]
        and hardware.smallest(readings) == 1
    )


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


def test_gpus_are_read_and_the_hidden_left_out():
    both = gpu.parse_nvidia_smi(NVIDIA)
    assert both[0] == GPU("NVIDIA A100-SXM4-40GB", 40960, "0/GPU-11111111-aaaa") and len(both) == 2
    assert gpu.visible(both, None) == both and gpu.visible(both, "all") == both
    assert gpu.visible(both, "1") == both[1:] and gpu.visible(both, "GPU-2222") == both[1:]
    for hidden in ("", "10000", "none", "NoDevFiles", "-1"):
        assert gpu.visible(both, hidden) == ()
    assert gpu.parse_nvidia_smi("No devices were found\n") == ()


@pytest.mark.parametrize(
    "environ, count",
    [
        ({}, 2),
        ({"NVIDIA_VISIBLE_DEVICES": "all"}, 2),
        ({"NVIDIA_VISIBLE_DEVICES": "none"}, 0),
        ({"NVIDIA_VISIBLE_DEVICES": "void"}, 0),
        ({"NVIDIA_VISIBLE_DEVICES": "none", "CUDA_VISIBLE_DEVICES": "1"}, 1),
        ({"CUDA_VISIBLE_DEVICES": "10000"}, 0),
    ],
)
def test_a_slot_without_gpus_is_told_by_either_variable(programs, monkeypatch, environ, count):
    programs.make("nvidia-smi", "cat <<'E'\n%sE" % NVIDIA)
    there = os.path.exists
    monkeypatch.setattr(os.path, "exists", lambda path: path == "/dev/nvidiactl" or there(path))
    assert (
        len(gpu.find(dict(environ, PATH=os.environ["PATH"], ROCR_VISIBLE_DEVICES="none"))) == count
        and len(programs.calls("nvidia-smi")) == 1
    )


def test_amd_gpus_are_seen_by_their_drivers_files(tmp_path):
    device = tmp_path / "card0" / "device"
    device.mkdir(parents=True)
    (device / "mem_info_vram_total").write_text("17163091968\n")
    (tmp_path / "card0-DP-1").mkdir()
    assert gpu.amd(str(tmp_path)) == (GPU("AMD card0", 16368, "0/card0"),)
    assert gpu.amd(str(tmp_path / "no")) == ()


@pytest.mark.parametrize(
    "environ, marks, kind",
    [
        ({"APPTAINER_NAME": "x"}, [], "apptainer"),
        ({"SINGULARITY_NAME": "x"}, [], "singularity"),
        ({"KUBERNETES_SERVICE_HOST": "x"}, [], "kubernetes"),
        ({}, [".dockerenv"], "docker"),
        ({}, ["run/.containerenv"], "podman"),
        ({"container": "lxc"}, [], "lxc"),
        ({}, [], ""),
    ],
)
def test_containers_are_told_by_their_marks(tmp_path, environ, marks, kind):
    for mark in marks:
        (tmp_path / mark).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / mark).write_text("")
    assert container.container(environ, str(tmp_path)) == kind


@pytest.mark.parametrize(
    "text, kind",
    [("0::/kubepods/x\n", "kubernetes"), ("1:cpu:/docker/abc\n", "docker"), ("0::/\n", "")],
)
def test_containers_are_told_by_their_group(text, kind):
    assert container.container_in_cgroup(text) == kind


def test_a_virtual_machine_is_told_by_its_vendor_or_its_flag(tmp_path):
    dmi = tmp_path / "sys" / "class" / "dmi" / "id"
    dmi.mkdir(parents=True)
    assert container.virtual_machine(("fpu",), str(tmp_path)) == ""
    assert container.virtual_machine(("hypervisor",), str(tmp_path)) == "unknown"
    (dmi / "sys_vendor").write_text("QEMU\n")
    assert container.virtual_machine((), str(tmp_path)) == "qemu"


@pytest.mark.parametrize(
    "sysctl, tried, found",
    [
        ("12345", "raise", False),
        ("12345", True, True),
        ("12345", False, False),
        ("0", True, False),
        ("", True, False),
    ],
)
def test_user_namespaces_are_tried_not_guessed(monkeypatch, sysctl, tried, found):
    def unshares():
        if tried == "raise":
            raise OSError("no")
        return tried
    monkeypatch.setattr(container, "read_text", lambda path: sysctl)
    monkeypatch.setattr(container, "_unshares", unshares)
    assert container.start_user_namespace_check()() is found


def test_in_a_chroot_there_are_none(tmp_path):
    if os.geteuid():
        pytest.skip("needs root")
    code = (
        "import ctypes, os, sys; sys.path.insert(0, %r); from pilot.node import container; os.chroot(%r); os.chdir('/'); os._exit(container._unshares())"
        % (str(ROOT), str(tmp_path))
    )
    assert subprocess.call([sys.executable, "-c", code]) == 0


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

"""Containers, virtual machines and user namespaces, known by their marks or tried."""

import os
import subprocess
import sys

import pytest

from pilot.node import container
from tests.conftest import ROOT


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
        "import ctypes, os, sys; sys.path.insert(0, %r); from pilot.node import container\n"
        "os.chroot(%r); os.chdir('/'); os._exit(container._unshares())"
        % (str(ROOT), str(tmp_path))
    )
    assert subprocess.call([sys.executable, "-c", code]) == 0


def test_a_mark_of_the_container_itself_counts_before_its_group(tmp_path):
    (tmp_path / "proc" / "1").mkdir(parents=True)
    (tmp_path / "proc" / "1" / "cgroup").write_text("0::/docker/x\n")
    assert container.container({"APPTAINER_NAME": "x"}, str(tmp_path)) == "apptainer"


@pytest.mark.parametrize("group, kind", [("0::/lxc/x\n", "lxc"), ("0::/libpod-1\n", "podman")])
def test_without_marks_the_group_of_process_1_tells(tmp_path, group, kind):
    (tmp_path / "proc" / "1").mkdir(parents=True)
    (tmp_path / "proc" / "1" / "cgroup").write_text(group)
    assert container.container({}, str(tmp_path)) == kind


@pytest.mark.parametrize(
    "name, text, kind",
    [
        ("product_name", "VirtualBox", "virtualbox"),
        ("sys_vendor", "Microsoft Corporation", "hyperv"),
        ("bios_vendor", "Amazon EC2", "ec2"),
        ("sys_vendor", "Google", "gce"),
    ],
)
def test_a_hypervisor_is_told_by_any_of_its_names(tmp_path, name, text, kind):
    dmi = tmp_path / "sys" / "class" / "dmi" / "id"
    dmi.mkdir(parents=True)
    (dmi / name).write_text(text + "\n")
    assert container.virtual_machine(("hypervisor",), str(tmp_path)) == kind

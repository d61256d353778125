"""Detects containers and virtual machines, and checks whether this user can create user
namespaces."""

import os
import threading
from typing import Callable, Dict, Sequence

from pilot.base.fork import start_check
from pilot.node.hardware import read_text

CLONE_NEWNS = 0x00020000
CLONE_NEWUSER = 0x10000000
_VENDORS = (
    ("KVM", "kvm"),
    ("QEMU", "qemu"),
    ("VMware", "vmware"),
    ("VirtualBox", "virtualbox"),
    ("innotek", "virtualbox"),
    ("Xen", "xen"),
    ("Microsoft", "hyperv"),
    ("Amazon EC2", "ec2"),
    ("Google", "gce"),
    ("OpenStack", "openstack"),
    ("Bochs", "bochs"),
    ("Parallels", "parallels"),
)


def container(environ: Dict[str, str], root: str = "") -> str:
    """The kind of the container around this process, or an empty string. Environment variables and
    marker files come first, then the path of the control group."""
    if environ.get("APPTAINER_NAME") or environ.get("APPTAINER_CONTAINER"):
        return "apptainer"
    if environ.get("SINGULARITY_NAME") or environ.get("SINGULARITY_CONTAINER"):
        return "singularity"
    if environ.get("KUBERNETES_SERVICE_HOST"):
        return "kubernetes"
    for path, kind in (
        ("/.dockerenv", "docker"),
        ("/run/.containerenv", "podman"),
        ("/.singularity.d", "singularity"),
    ):
        if os.path.exists(root + path):
            return kind
    if environ.get("container"):
        return environ["container"]
    return container_in_cgroup(read_text(root + "/proc/1/cgroup"))


def container_in_cgroup(text: str) -> str:
    """The kind of container in the text of /proc/1/cgroup."""
    for word, kind in (
        ("kubepods", "kubernetes"),
        ("docker", "docker"),
        ("libpod", "podman"),
        ("lxc", "lxc"),
    ):
        if word in text:
            return kind
    return ""


def virtual_machine(flags: Sequence[str], root: str = "") -> str:
    """The name of the hypervisor; "unknown" if only the flag of the processor shows one; an empty
    string on a physical machine."""
    words = " ".join(
        read_text(root + "/sys/class/dmi/id/" + name)
        for name in ("sys_vendor", "product_name", "bios_vendor")
    )
    for word, kind in _VENDORS:
        if word in words:
            return kind
    return "unknown" if "hypervisor" in flags else ""


def start_user_namespace_check() -> Callable[[], bool]:
    """Start a check whether a child process can create a user namespace; sysctls alone do not show
    it (chroot, AppArmor). Call the result for the answer."""
    if read_text("/proc/sys/user/max_user_namespaces").strip() in ("", "0"):
        return lambda: False
    if threading.active_count() > 1:
        import ctypes  # noqa: F401  # the copy could wait forever for another thread's import
    return start_check(_unshares)


def _unshares() -> bool:
    import ctypes  # without other threads, imported in the copy only: it takes time

    user = os.geteuid()
    if ctypes.CDLL(None).unshare(CLONE_NEWUSER | CLONE_NEWNS):
        return False
    try:  # some kernels create the namespace but allow no operation in it
        with open("/proc/self/uid_map", "w") as stream:
            stream.write("0 %d 1" % user)
    except OSError:
        return False
    return True

"""Whether we are in a container or a virtual machine, and whether we may make user namespaces."""

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
    """The kind of container we are in, "" when in none: its own marks first, then the control
    group's path."""
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
    """The kind of container that /proc/1/cgroup tells of."""
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
    """The hypervisor's name, "unknown" when only the processor's flag tells of one, "" on bare
    metal."""
    told = " ".join(
        read_text(root + "/sys/class/dmi/id/" + name)
        for name in ("sys_vendor", "product_name", "bios_vendor")
    )
    for word, kind in _VENDORS:
        if word in told:
            return kind
    return "unknown" if "hypervisor" in flags else ""


def start_user_namespace_check() -> Callable[[], bool]:
    """Find out whether a child of ours can really make a user namespace (sysctls alone do not tell:
    chroot, AppArmor); the answer is had by calling the result."""
    if read_text("/proc/sys/user/max_user_namespaces").strip() in ("", "0"):
        return lambda: False
    if threading.active_count() > 1:
        import ctypes  # noqa: F401  # begun by another thread, the copy's own import would wait for ever
    return start_check(_unshares)


def _unshares() -> bool:
    import ctypes  # where we are alone, in the copy only: it takes time

    user = os.geteuid()
    if ctypes.CDLL(None).unshare(CLONE_NEWUSER | CLONE_NEWNS):
        return False
    try:  # some kernels grant the namespace and then nothing in it
        with open("/proc/self/uid_map", "w") as stream:
            stream.write("0 %d 1" % user)
    except OSError:
        return False
    return True

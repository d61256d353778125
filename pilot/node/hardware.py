"""Reads cores, memory, disk, processor and operating system of this machine, each from all sources
that apply."""

import os
import resource
from typing import Dict, List, NamedTuple, Optional, Set, Tuple

from pilot.facts import BatchJob, Reading
from pilot.node import cgroup, features

MIB = 1048576
FAR_APART = 1.25  # sources of memory disagree if their ratio is larger than this


class Processor(NamedTuple):
    """The processor in /proc/cpuinfo: its model, the flags that all processors share, and its clock
    in MHz. The flags show whether a hypervisor is present."""

    model: str
    flags: Tuple[str, ...]
    mhz: float


def core_readings(environ: Dict[str, str], batch: BatchJob, limits: cgroup.CgroupLimits,
                  places: features.Features) -> List[Reading]:
    """The number of cores of this slot, from each source that reports it. A quota of 1.5 counts as
    2 (rounded up)."""
    # not os.cpu_count(): since Python 3.13 it returns PYTHON_CPU_COUNT if that is set
    readings: List[Tuple[str, Optional[int]]] = [("processors", os.sysconf("SC_NPROCESSORS_ONLN"))]
    if hasattr(os, "sched_getaffinity"):
        readings.append(("affinity", len(os.sched_getaffinity(0))))
    if limits.cores is not None:
        readings.append(("cgroup", max(1, int(limits.cores + 0.999))))
    readings += [
        (batch.system, batch.cores),
        ("JOBFEATURES/allocated_cpu", features.cores(places)),
        ("TardisDroneCores", features_number(environ.get("TardisDroneCores"))),
    ]
    return [Reading(source, value) for source, value in readings if value and value > 0]


def memory_readings(
    environ: Dict[str, str],
    batch: BatchJob,
    limits: cgroup.CgroupLimits,
    places: features.Features,
    meminfo: str,
) -> List[Reading]:
    """The memory of this slot in MiB, from each source that reports it."""
    machine = (
        meminfo_mb(meminfo, "MemTotal")
        or os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // MIB
    )
    readings = [
        ("machine", machine),
        ("cgroup", limits.memory_mb),
        (batch.system, batch.memory_mb),
        ("JOBFEATURES/max_rss_bytes", features.memory_mb(places)),
        ("rlimit", _rlimit_mb()),
    ]
    return [Reading(source, value) for source, value in readings if value]


def features_number(text: Optional[str]) -> Optional[int]:
    """An environment variable as an integer above 0; None for anything else."""
    value = features.number(text)
    return int(value) if value else None


def smallest(readings: List[Reading]) -> int:
    """The smallest value: the amount that all sources allow."""
    return int(min(reading.value for reading in readings))


def disagreement(what: str, readings: List[Reading], ignore: Tuple[str, ...]) -> Optional[str]:
    """A sentence if the sources about the slot differ, else None. `ignore` names the sources about
    the whole machine."""
    slot = [reading for reading in readings if reading.source not in ignore]
    values = [reading.value for reading in slot]
    if len(values) < 2 or max(values) <= min(values) * (1.0 if what == "cores" else FAR_APART):
        return None
    sources = ", ".join("%s says %d" % (reading.source, reading.value) for reading in slot)
    return "sources disagree on %s: %s; the smallest counts" % (what, sources)


def read_text(path: str) -> str:
    """The content of a file of /proc or /etc; empty if it cannot be read."""
    try:
        with open(path, errors="replace") as stream:
            return stream.read()
    except OSError:
        return ""


def meminfo_mb(text: str, key: str) -> Optional[int]:
    """A value of /proc/meminfo in MiB."""
    for line in text.splitlines():
        name, _, rest = line.partition(":")
        if name == key and rest.split():
            return int(rest.split()[0]) // 1024
    return None


def parse_cpuinfo(text: str) -> Processor:
    """Model, common flags and clock in /proc/cpuinfo; the model is "unknown" if there is none (some
    ARM kernels)."""
    model, mhz = "", 0.0
    flags: Optional[Set[str]] = None
    for line in text.splitlines():
        key, _, value = line.partition(":")
        key, value = key.strip(), value.strip()
        if key in ("model name", "Processor", "cpu model", "cpu") and not model:
            model = value
        elif key == "cpu MHz" and not mhz:
            mhz = float(value) if value.replace(".", "", 1).isdigit() else 0.0
        elif key in ("flags", "Features"):
            flags = set(value.split()) if flags is None else flags & set(value.split())
    return Processor(model or "unknown", tuple(sorted(flags or ())), mhz)


def os_name(text: str) -> str:
    """PRETTY_NAME of /etc/os-release (os-release(5)), else name and release of the kernel."""
    fields = {}
    for line in text.splitlines():
        key, equals, value = line.partition("=")
        if equals and not key.startswith("#"):
            fields[key.strip()] = value.strip().strip("\"'")
    return fields.get("PRETTY_NAME") or "%s %s" % (os.uname().sysname, os.uname().release)


def libc() -> str:
    """The C library, for example glibc-2.36, as in DIRAC's platform names; "unknown" for musl,
    which reports no version."""
    try:
        return os.confstr("CS_GNU_LIBC_VERSION").replace(" ", "-")  # type: ignore[union-attr]
    except (ValueError, OSError, AttributeError):
        return "unknown"


def disk_free_mb(path: str) -> int:
    """MiB that this user can still write below `path`, by the free blocks and the user's quota, if
    there is one."""
    space = os.statvfs(path)
    free = space.f_bavail * space.f_frsize // MIB
    quota = quota_left_mb(path)
    return int(free if quota is None else min(free, quota))


def quota_left_mb(path: str) -> Optional[int]:
    """MiB left of the user's disk quota, by quotactl(2); None without a quota or if it cannot be
    read."""
    device, options = mount_of(path, read_text("/proc/self/mountinfo"))
    if not device.startswith("/dev/") or "quota" not in options or "noquota" in options:
        return None
    q_getquota, user_quota = 0x800007, 0
    try:
        import ctypes  # a Python may lack it

        record = (ctypes.c_uint64 * 9)()  # struct dqblk: hard, soft (KiB), used (bytes), ...
        library = ctypes.CDLL(None, use_errno=True)
        failed = library.quotactl(
            (q_getquota << 8) | user_quota, device.encode(), os.getuid(), record
        )
    except (ImportError, OSError, AttributeError):
        return None
    return None if failed else quota_left(record[0], record[1], record[2])


def quota_left(hard_kib: int, soft_kib: int, used_bytes: int) -> Optional[int]:
    """MiB left of a quota, at least 0. A limit of 0 KiB means no limit."""
    limits = [limit for limit in (hard_kib, soft_kib) if limit]
    return max(0, (min(limits) * 1024 - used_bytes) // MIB) if limits else None


def mount_of(path: str, mountinfo: str) -> Tuple[str, str]:
    """The device with the longest mount point that is a prefix of `path`, and its options
    (proc(5))."""
    best, device, options = "", "", ""
    for line in mountinfo.splitlines():
        left, _, right = line.partition(" - ")
        fields, tail = left.split(), right.split()
        if len(fields) > 5 and len(tail) > 2:
            point = fields[4]
            inside = path == point or path.startswith(point.rstrip("/") + "/")
            if inside and len(point) >= len(best):
                best, device, options = point, tail[1], fields[5] + "," + tail[2]
    return device, options


def _rlimit_mb() -> Optional[int]:
    """The smaller of the limits for address space and resident set. Linux does not enforce the
    second, but batch systems use it to report a limit."""
    soft = [resource.getrlimit(kind)[0] for kind in (resource.RLIMIT_AS, resource.RLIMIT_RSS)]
    known = [size for size in soft if size != resource.RLIM_INFINITY and size > 0]
    return int(min(known) // MIB) if known else None

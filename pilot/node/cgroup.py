"""Reads the limits of control groups, v1 and v2: the smallest over all ancestors. Also finds the
directories of this process's own groups."""

import os
from typing import Dict, List, NamedTuple, Optional, Tuple

NONE_FROM = 1 << 60  # v1 writes a huge number for "no limit"
V2 = ""  # v2 has one hierarchy; v1 one per controller


class CgroupLimits(NamedTuple):
    """Cores (1.5 is a quota of one and a half), memory in MiB, pids; None without a limit."""

    cores: Optional[float]
    memory_mb: Optional[int]
    pids: Optional[int]


def directories(cgroup: str, mountinfo: str, root: str = "") -> Dict[str, List[str]]:
    """The group of this process and its ancestors up to the mount point, by controller (V2 for
    version 2).

    The arguments are the texts of /proc/self/cgroup and /proc/self/mountinfo (cgroups(7), proc(5));
    `root` is a prefix for all paths.
    """
    paths = _own_paths(cgroup)
    values = {}
    for controller, (mount_root, point) in _mounts(mountinfo).items():
        if controller in paths:
            values[controller] = [
                root + path for path in _ancestors(paths[controller], mount_root, point)
            ]
    return values


def _own_paths(cgroup: str) -> Dict[str, str]:
    paths = {}
    for line in cgroup.splitlines():
        parts = line.split(":", 2)
        if len(parts) == 3:
            for controller in parts[1].split(","):
                paths[controller] = parts[2]
    return paths


def _mounts(mountinfo: str) -> Dict[str, Tuple[str, str]]:
    mounts: Dict[str, Tuple[str, str]] = {}
    for line in mountinfo.splitlines():
        left, _, right = line.partition(" - ")
        fields, tail = left.split(), right.split()
        if len(fields) < 5 or len(tail) < 3:
            continue
        controllers = (
            [V2] if tail[0] == "cgroup2" else tail[2].split(",") if tail[0] == "cgroup" else []
        )
        for controller in controllers:
            mounts.setdefault(controller, (fields[3], fields[4]))
    return mounts


def _ancestors(path: str, mount_root: str, point: str) -> List[str]:
    if mount_root == "/":
        relative = path
    else:
        relative = path[len(mount_root):] if path.startswith(mount_root) else ""
    if ".." in relative.split("/"):  # the group is outside the mount: a cgroup namespace
        relative = ""
    here, chain = os.path.normpath(point + "/" + relative.lstrip("/")), []
    while here != point and here.startswith(point):
        chain.append(here)
        here = os.path.dirname(here)
    return chain + [point]


def limits(directories: Dict[str, List[str]]) -> CgroupLimits:
    """The smallest limit over all directories, for each kind of limit."""
    cores = [_quota_v2(read(d, "cpu.max")) for d in directories.get(V2, [])]
    cores += [
        _quota_v1(read(d, "cpu.cfs_quota_us"), read(d, "cpu.cfs_period_us"))
        for d in directories.get("cpu", [])
    ]
    memory = [
        _number(read(d, name)) for d in directories.get(V2, []) for name in ("memory.max", "memory.high")
    ]
    memory += [_number(read(d, "memory.limit_in_bytes")) for d in directories.get("memory", [])]
    memory += [_hierarchical(read(d, "memory.stat")) for d in directories.get("memory", [])]
    pids = [_number(read(d, "pids.max")) for d in directories.get(V2, []) + directories.get("pids", [])]
    bytes_ = _smallest(memory)
    return CgroupLimits(
        _smallest(cores),
        int(bytes_ / 1048576) if bytes_ is not None else None,
        _to_int(_smallest(pids)),
    )


def read_limits() -> CgroupLimits:
    """The limits of this process; all None without control groups."""
    return limits(own_directories())


def own_directories() -> Dict[str, List[str]]:
    """The result of `directories` for this process."""
    try:
        with open("/proc/self/cgroup") as groups, open(
            "/proc/self/mountinfo", errors="replace"
        ) as mounts:
            return directories(groups.read(), mounts.read())
    except OSError:
        return {}


def read(directory: str, name: str) -> str:
    """The content of a file of a group; empty if it cannot be read."""
    try:
        with open(os.path.join(directory, name)) as stream:
            return stream.read()
    except OSError:
        return ""


def _quota_v2(text: str) -> Optional[float]:
    fields = text.split()
    return float(fields[0]) / float(fields[1]) if len(fields) == 2 and fields[0] != "max" else None


def _quota_v1(quota: str, period: str) -> Optional[float]:
    amount, length = _number(quota), _number(period)
    return amount / length if amount and length else None


def _number(text: str) -> Optional[float]:
    word = text.strip()
    return float(word) if word.isdigit() and int(word) < NONE_FROM else None


def _hierarchical(stat: str) -> Optional[float]:
    fields = dict(line.split(None, 1) for line in stat.splitlines() if " " in line)
    return _number(fields.get("hierarchical_memory_limit", ""))


def _smallest(values: List[Optional[float]]) -> Optional[float]:
    known = [value for value in values if value is not None]
    return min(known) if known else None


def _to_int(value: Optional[float]) -> Optional[int]:
    return None if value is None else int(value)

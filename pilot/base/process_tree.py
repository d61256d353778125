"""Reads processes from /proc: descendants, resource usage, and signals that never reach an
unrelated process."""

import os
import signal
from typing import Dict, Iterable, List, NamedTuple, Optional

_TICKS = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100
_PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096


class Process(NamedTuple):
    """One process; `started` (ticks since boot) distinguishes it from a later process with the same
    pid."""

    pid: int
    parent: int
    session: int
    state: str
    started: int
    cpu_s: float
    rss_mb: float


class Usage(NamedTuple):
    """The resources that a process tree uses now; the CPU seconds include reaped children."""

    processes: int
    cpu_s: float
    rss_mb: float


def parse_stat(text: str) -> Process:
    """Parse the line of /proc/PID/stat (proc(5)); the name may contain blanks and brackets."""
    pid, _, rest = text.partition(" (")
    fields = rest.rpartition(")")[2].split()
    cpu = sum(int(fields[at]) for at in (11, 12, 13, 14)) / float(_TICKS)
    return Process(int(pid), int(fields[1]), int(fields[3]), fields[0], int(fields[19]), cpu,
                   int(fields[21]) * _PAGE / 1048576.0)


def look_up(pid: int) -> Optional[Process]:
    """The process, or None if it has exited."""
    try:
        with open("/proc/%d/stat" % pid, "rb", 0) as stream:
            return parse_stat(stream.read().decode("utf-8", "replace"))
    except (OSError, ValueError, IndexError):
        return None


def children(pid: int) -> List[int]:
    """The direct children of a process, from /proc/PID/task/TID/children if the kernel has it."""
    pids: List[int] = []
    try:
        threads = os.listdir("/proc/%d/task" % pid)
        for thread in threads:
            with open("/proc/%d/task/%s/children" % (pid, thread), "rb", 0) as stream:
                pids += [int(word) for word in stream.read().split()]
    except FileNotFoundError:
        if os.path.exists("/proc/%d" % pid) and not os.path.exists(
            "/proc/self/task/%d/children" % os.getpid()
        ):
            return [p.pid for p in everything() if p.parent == pid]
    except OSError:
        pass
    return pids


def everything() -> List[Process]:
    """All visible processes."""
    try:
        names = os.listdir("/proc")
    except OSError:
        return []
    processes = (look_up(int(name)) for name in names if name.isdigit())
    return [process for process in processes if process is not None]


def descendants(pid: int) -> List[Process]:
    """All descendants of `pid`, without `pid` itself, parents before children."""
    tree: Dict[int, Process] = {}
    queue = children(pid)
    while queue:
        child = queue.pop(0)
        process = look_up(child)
        if process is not None and child not in tree:
            tree[child] = process
            queue += children(child)
    return list(tree.values())


def variable(pid: int, name: str) -> Optional[str]:
    """An environment variable that a process was started with; None if it is not set or cannot be
    read."""
    try:
        with open("/proc/%d/environ" % pid, "rb") as stream:
            words = stream.read().split(b"\0")
    except OSError:
        return None
    head = name.encode() + b"="
    return next(
        (word[len(head) :].decode("utf-8", "replace") for word in words if word.startswith(head)),
        None,
    )


def total(processes: Iterable[Process]) -> Usage:
    """The sum of the resources that these processes use."""
    tree = list(processes)
    return Usage(len(tree), sum(p.cpu_s for p in tree), sum(p.rss_mb for p in tree))


def send(processes: Iterable[Process], signum: int) -> int:
    """Send a signal to those processes that are still the same; return their number."""
    hit = 0
    for process in processes:
        now = look_up(process.pid)
        if now is not None and now.started == process.started and now.state != "Z":
            hit += 1
            try:
                os.kill(process.pid, signum)
            except OSError:
                pass
    return hit


def send_group(group: int, signum: int = signal.SIGKILL) -> bool:
    """Send a signal to a process group of ours; return False if it has no members."""
    try:
        os.killpg(group, signum)
    except OSError:
        return False
    return True

"""A mark on a payload's processes that survives setsid, double forks and an emptied environment.

It is an odd value of the soft limit RLIMIT_RTTIME (setrlimit(2)): microseconds of uninterrupted CPU
time under real-time scheduling. Usually this limit is unlimited; the mark allows more than 31
years, which has the same effect. Children inherit it, any process may read it (/proc/PID/limits),
and hardly any program sets it.
"""

import os
import re
import resource
from contextlib import contextmanager
from typing import Iterator, Optional

_BASE = 10 ** 15
_LINE = re.compile(r"^Max realtime timeout\s+(\d+)\s", re.M)


class Marks:
    """Generates the numbers for the payloads of one agent."""

    def __init__(self) -> None:
        self._next = int.from_bytes(os.urandom(3), "big") << 24

    def new(self) -> int:
        """A random number; another payload of this machine almost surely does not have it."""
        self._next += 1
        return self._next


@contextmanager
def marked_children(number: int) -> Iterator[None]:
    """Processes that the code inside starts have this mark."""
    try:
        former = resource.getrlimit(resource.RLIMIT_RTTIME)
        resource.setrlimit(resource.RLIMIT_RTTIME, (_BASE + number, former[1]))
    # no Linux, or a lower hard limit: only the environment's mark identifies the process then
    except (AttributeError, OSError, ValueError):
        yield
        return
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_RTTIME, former)


def number_of(pid: int) -> Optional[int]:
    """The mark of a process; None when it has no mark or has exited."""
    try:
        with open("/proc/%d/limits" % pid, encoding="ascii", errors="replace") as stream:
            match = _LINE.search(stream.read())
    except OSError:
        return None
    value = int(match.group(1)) - _BASE if match else -1
    return value if value > 0 else None

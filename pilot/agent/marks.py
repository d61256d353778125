"""A mark on a payload's processes that they keep through setsid, double forks and an emptied
environment.

It is an odd value of the soft limit RLIMIT_RTTIME (setrlimit(2)): microseconds of CPU time in one
go under real-time scheduling, which is unlimited where nobody asked for it; 31 years and some are
as good. Children inherit it, anybody may read it (/proc/PID/limits), hardly anything sets it.
"""

import os
import re
import resource
from contextlib import contextmanager
from typing import Iterator, Optional

_BASE = 10 ** 15
_LINE = re.compile(r"^Max realtime timeout\s+(\d+)\s", re.M)


class Marks:
    """Numbers for the payloads of one agent."""

    def __init__(self) -> None:
        self._next = int.from_bytes(os.urandom(3), "big") << 24

    def new(self) -> int:
        """A number that no other payload of this machine has, as good as surely."""
        self._next += 1
        return self._next


@contextmanager
def marked_children(number: int) -> Iterator[None]:
    """What is started inside has this mark."""
    try:
        former = resource.getrlimit(resource.RLIMIT_RTTIME)
        resource.setrlimit(resource.RLIMIT_RTTIME, (_BASE + number, former[1]))
    # no Linux, or a lower hard limit: the environment's mark must do
    except (AttributeError, OSError, ValueError):
        yield
        return
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_RTTIME, former)


def number_of(pid: int) -> Optional[int]:
    """The mark of a process; None when it has none, or is gone."""
    try:
        with open("/proc/%d/limits" % pid, encoding="ascii", errors="replace") as stream:
            found = _LINE.search(stream.read())
    except OSError:
        return None
    value = int(found.group(1)) - _BASE if found else -1
    return value if value > 0 else None

"""Finds the payload of a process that the agent inherited, finds a payload's whole process tree,
and ends processes that belong to no running payload.

The agent is a child subreaper: the kernel reparents the orphans of a payload to it. The agent
identifies such a stray because it saw it in a payload's tree before, by the mark in its limits
(pilot/agent/marks.py), or by the mark in its environment.
"""

import os
import signal
import time
from typing import Dict, List, Optional, Set, Tuple

from pilot.base import process_tree
from pilot.agent import marks
from pilot.agent.environment import MARK
from pilot.agent.warden_client import NOBODYS, Warden
from pilot.base.process_tree import Process

# how long to wait after SIGKILL; a process that the kernel blocks stays after that
DIE_S = 0.5
_LOOK_S = 0.002
_WHOLE = 2048  # bytes: for more than half a page the kernel may need a second read


class Strays:
    """Records the processes of every running payload, and informs the warden."""

    def __init__(self, warden: Warden) -> None:
        self._warden, self._children = warden, OwnChildren()
        self._roots: Dict[int, str] = {}  # pid of a payload's leader -> its mark
        self._numbers: Dict[int, str] = {}  # number in the limits -> mark
        self._seen: Dict[int, Tuple[int, str]] = {}  # pid -> when it started, its payload's mark

    def starting(self, number: int, end: Optional[float]) -> None:
        """A process with this number as its mark is about to start, and may run until `end` of the
        boot clock: the warden knows it, even if the agent is stopped before it can report more."""
        self._warden.starting(number, end)

    def began(self, pid: int, mark: str, number: int, end: Optional[float]) -> None:
        """A payload with this leader runs, until `end` of the boot clock at most; its processes
        have this number as their mark."""
        self._roots[pid] = mark
        self._numbers[number] = mark
        self._warden.began(pid, number, end)

    def until(self, pid: int, moment: float) -> None:
        """Set the time of the boot clock at which this payload's group must have ended."""
        self._warden.until(pid, moment)

    def ended(self, pid: int) -> None:
        """The leader has exited: end all other processes of this payload before anyone learns of
        its end."""
        mark = self._roots.pop(pid, None)
        if mark is not None:
            _kill_orphans(
                [orphan for orphan in self._find_orphans() if self._owner_of(orphan) == mark]
            )
        self._warden.ended(pid)

    def settled(self) -> None:
        """Send the pending messages to the warden."""
        self._warden.flush()

    def tree(self, pid: int, mark: str) -> List[Process]:
        """All processes of a running payload: those below its leader, and its orphans."""
        leader = process_tree.look_up(pid)
        processes = ([leader] if leader is not None else []) + process_tree.descendants(pid)
        for orphan in self._find_orphans():
            owner = self._owner_of(orphan)
            if owner == mark or (owner is None and len(self._roots) == 1):
                processes += [orphan] + process_tree.descendants(orphan.pid)
            # it belongs to one of several payloads: the warden ends it at the latest with the agent
            elif owner is None:
                self._warden.saw(NOBODYS, orphan.pid, orphan.started)
        for process in processes:
            if self._seen.get(process.pid, (0, ""))[0] != process.started:
                self._seen[process.pid] = (process.started, mark)
                self._warden.saw(pid, process.pid, process.started)
        return processes

    def sweep(self) -> None:
        """End what finished payloads left; a process of an unknown payload ends once no payload
        runs."""
        self._warden.flush()
        running = set(self._roots.values())
        _kill_orphans(
            [
                orphan
                for orphan in self._find_orphans()
                if self._owner_of(orphan) not in running
                and (self._owner_of(orphan) is not None or not running)
            ]
        )
        self._seen = {
            pid: known
            for pid, known in self._seen.items()
            if known[1] in running or os.path.exists("/proc/%d" % pid)
        }
        if not self._find_orphans():
            self._numbers = {
                number: mark for number, mark in self._numbers.items() if mark in running
            }

    def _find_orphans(self) -> List[Process]:
        ours: Set[int] = set(self._roots) | {self._warden.pid}
        others = (process_tree.look_up(pid) for pid in self._children.pids() if pid not in ours)
        return [process for process in others if process is not None]

    def _owner_of(self, process: Process) -> Optional[str]:
        started, mark = self._seen.get(process.pid, (0, ""))
        if started == process.started:
            return mark
        number = marks.number_of(process.pid)
        known = self._numbers.get(number) if number is not None else None
        return known or process_tree.variable(process.pid, MARK)


def _kill_orphans(orphans: List[Process]) -> None:
    """Send SIGKILL to these and all processes below them, until they are dead."""
    if not orphans:
        return
    deadline = time.monotonic() + DIE_S
    left = [one for orphan in orphans for one in [orphan] + process_tree.descendants(orphan.pid)]
    while process_tree.send(left, signal.SIGKILL) and time.monotonic() < deadline:
        time.sleep(_LOOK_S)
        left += [one for process in left for one in process_tree.descendants(process.pid)]


class OwnChildren:
    """The agent's own direct children. The main thread alone starts some, and the kernel
    (find_new_reaper) gives a dead child's orphans to the main thread of the subreaper. The file
    stays open, because the agent reads it after each payload."""

    def __init__(self) -> None:
        self._pid, self._file = os.getpid(), -1
        try:
            self._file = os.open(
                "/proc/%d/task/%d/children" % (self._pid, self._pid), os.O_RDONLY | os.O_CLOEXEC
            )
        except OSError:  # the kernel does not have this file
            pass

    def pids(self) -> List[int]:
        """The children that exist now, zombies included."""
        if self._file < 0:
            return process_tree.children(self._pid)
        text = block = os.pread(self._file, 65536, 0)
        while len(block) > _WHOLE:
            block = os.pread(self._file, 65536, len(text))
            text += block
        return [int(word) for word in text.split()]

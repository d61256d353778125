"""Whose a process is that a payload left to us, what a payload's whole tree is, and the end of what is nobody's.

The agent is a child subreaper: what a payload's children orphan is reparented to it. Such a stray is known by
having been seen in a payload's tree before, or by the mark in its environment (which it may have thrown away).
"""

import os
import signal
from typing import Dict, List, Optional, Set, Tuple

from pilot import process_tree
from pilot.agent.environment import MARK
from pilot.agent.warden import NOBODYS, Warden
from pilot.process_tree import Process


class Strays:
    """Keeps the books of every running payload's processes; tells the warden of each."""

    def __init__(self, warden: Warden) -> None:
        self._warden = warden
        self._roots: Dict[int, str] = {}  # pid of a payload's leader -> its mark
        self._seen: Dict[int, Tuple[int, str]] = {}  # pid -> when it started, its payload's mark

    def began(self, pid: int, mark: str) -> None:
        """A payload with this leader runs."""
        self._roots[pid] = mark
        self._warden.began(pid)

    def ended(self, pid: int) -> None:
        """The leader is gone; what else there was of the payload is a matter for `sweep`."""
        self._roots.pop(pid, None)
        self._warden.ended(pid)

    def tree(self, pid: int, mark: str) -> List[Process]:
        """Everything of a running payload: below its leader, and what it left to us."""
        leader = process_tree.look_up(pid)
        found = ([leader] if leader is not None else []) + process_tree.descendants(pid)
        for orphan in self._orphans():
            owner = self._owner(orphan)
            if owner == mark or (owner is None and len(self._roots) == 1):
                found += [orphan] + process_tree.descendants(orphan.pid)
            elif owner is None:  # of one of several payloads: it shall at least not outlive us all
                self._warden.saw(NOBODYS, orphan.pid, orphan.started)
        for process in found:
            if self._seen.get(process.pid, (0, ""))[0] != process.started:
                self._seen[process.pid] = (process.started, mark)
                self._warden.saw(pid, process.pid, process.started)
        return found

    def sweep(self) -> None:
        """End what is left of payloads that are over; what cannot be told whose it is, once nothing runs."""
        running = set(self._roots.values())
        for orphan in self._orphans():
            owner = self._owner(orphan)
            if owner not in running and (owner is not None or not running):
                process_tree.send([orphan] + process_tree.descendants(orphan.pid), signal.SIGKILL)
        self._seen = {pid: known for pid, known in self._seen.items() if known[1] in running or os.path.exists("/proc/%d" % pid)}

    def _orphans(self) -> List[Process]:
        ours: Set[int] = set(self._roots) | {self._warden.pid}
        found = (process_tree.look_up(pid) for pid in process_tree.children(os.getpid()) if pid not in ours)
        return [process for process in found if process is not None]

    def _owner(self, process: Process) -> Optional[str]:
        started, mark = self._seen.get(process.pid, (0, ""))
        return mark if started == process.started else process_tree.variable(process.pid, MARK)

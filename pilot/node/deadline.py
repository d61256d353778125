"""The end of the slot: the earliest of all ends that are known, read anew while the pilot runs."""

import os
import time
from typing import Callable, Dict, Iterable, NamedTuple, Optional


RESERVE_S = 3.0  # before the slot's end, for children to end and for all of it to be told
SHARE = 4  # of a short slot no more than this part of its whole length
MAX_WALLTIME = "--max-walltime"


class SlotEnd(NamedTuple):
    """Seconds left and the source that says so."""

    left_s: float
    source: str


class Deadline:
    """Ends counted from now on: fixed ones by the monotonic clock, MJF's re-read, a drain file
    watched."""

    def __init__(
        self,
        fixed: Dict[str, float],
        read_ends: Callable[[], Optional[Dict[str, float]]],
        drain_files: Iterable[str],
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        """`fixed` maps a source to the seconds it leaves now; `read_ends` gives moments of the time
        of day by source, None when it was not answered: then what was known still holds.
        `self.fixed` has moments of the clock."""
        self._clock, self._wall = clock, wall
        self._began = clock()
        self.fixed = {source: clock() + left for source, left in fixed.items()}
        self.read_ends, self._drain_files = read_ends, drain_files
        self._moving: Dict[str, float] = {}

    def add_end(self, source: str, left_s: float) -> None:
        """One more end that is fixed."""
        self.fixed[source] = self._clock() + left_s

    def update_ends(self) -> None:
        """Read Machine/Job Features again: shutdown times may be set, moved or taken back at any
        time."""
        found, shift = self.read_ends(), self._clock() - self._wall()
        if found is not None:
            self._moving = {source: moment + shift for source, moment in found.items()}

    def end(self) -> Optional[SlotEnd]:
        """The earliest end, or None when none is known."""
        known = dict(self.fixed, **self._moving)
        if not known:
            return None
        source = min(known, key=lambda name: known[name])
        return SlotEnd(known[source] - self._clock(), source)

    def left_s(self, reserve_s: float = RESERVE_S) -> Optional[float]:
        """Seconds for work that takes `reserve_s` to end; None when no end is known."""
        end = self.end()
        if end is None:
            return None
        whole = end.left_s + self._clock() - self._began
        return end.left_s - max(0.0, min(reserve_s, whole / SHARE))

    def drain_file(self) -> str:
        """The drain file that exists, or ""."""
        return next((path for path in self._drain_files if os.path.exists(path)), "")

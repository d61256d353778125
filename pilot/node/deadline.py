"""The end of the slot: the earliest of all known end times, updated while the pilot runs."""

import os
import time
from typing import Callable, Dict, Iterable, NamedTuple, Optional


RESERVE_S = 3.0  # time before the end of the slot to stop children and to report their end
SHARE = 4  # in a short slot the reserve is at most 1/SHARE of its length
MAX_WALLTIME = "--max-walltime"


class SlotEnd(NamedTuple):
    """Seconds left, and the source that reports them."""

    left_s: float
    source: str


class Deadline:
    """Combines fixed end times, by the monotonic clock, with those that Machine/Job Features and
    other sources change, and watches for drain files."""

    def __init__(
        self,
        fixed: Dict[str, float],
        read_ends: Callable[[], Optional[Dict[str, float]]],
        drain_files: Iterable[str],
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        """`fixed` maps a source to the seconds left now. `read_ends` returns end times, as time of
        day, by source; None means that a source did not answer, and the known times stay valid.
        `self.fixed` holds times of the monotonic clock."""
        self._clock, self._wall = clock, wall
        self._began = clock()
        self.fixed = {source: clock() + left for source, left in fixed.items()}
        self.read_ends, self._drain_files = read_ends, drain_files
        self._moving: Dict[str, float] = {}

    def add_end(self, source: str, left_s: float) -> None:
        """Add one more fixed end time."""
        self.fixed[source] = self._clock() + left_s

    def update_ends(self) -> None:
        """Read the variable end times again: Machine/Job Features can set, move or withdraw a
        shutdown time at any time."""
        ends, shift = self.read_ends(), self._clock() - self._wall()
        if ends is not None:
            self._moving = {source: moment + shift for source, moment in ends.items()}

    def end(self) -> Optional[SlotEnd]:
        """The earliest end, or None if no end is known."""
        known = dict(self.fixed, **self._moving)
        if not known:
            return None
        source = min(known, key=lambda name: known[name])
        return SlotEnd(known[source] - self._clock(), source)

    def left_s(self, reserve_s: float = RESERVE_S) -> Optional[float]:
        """Seconds left for work that needs `reserve_s` to stop; None if no end is known."""
        end = self.end()
        if end is None:
            return None
        total = end.left_s + self._clock() - self._began
        return end.left_s - max(0.0, min(reserve_s, total / SHARE))

    def drain_file(self) -> str:
        """The first drain file that exists, or an empty string."""
        return next((path for path in self._drain_files if os.path.exists(path)), "")

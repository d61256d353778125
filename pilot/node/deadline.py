"""The end of the slot: the earliest of all ends that are known, read anew whenever it is asked."""

import os
import time
from typing import Callable, Dict, List, NamedTuple, Optional


class End(NamedTuple):
    """Seconds left and the source that says so."""

    left_s: float
    source: str


class Deadline:
    """Ends counted from now on: fixed ones by the monotonic clock, MJF's re-read, a drain file watched."""

    def __init__(self, fixed: Dict[str, float], read_ends: Callable[[], Dict[str, float]], drain_files: List[str],
                 clock: Callable[[], float] = time.monotonic, wall: Callable[[], float] = time.time) -> None:
        """`fixed` maps a source to the seconds it leaves now; `read_ends` gives moments of the time of day by source
        and must not block."""
        self._clock, self._wall = clock, wall
        self._ends = {source: clock() + left for source, left in fixed.items()}
        self._read_ends, self._drain_files = read_ends, drain_files
        self._moving: Dict[str, float] = {}

    def refresh(self) -> None:
        """Read Machine/Job Features again: shutdown times may be set, moved or taken back at any time."""
        shift = self._clock() - self._wall()
        self._moving = {source: moment + shift for source, moment in self._read_ends().items()}

    def end(self) -> Optional[End]:
        """The earliest end, or None when none is known."""
        known = dict(self._ends, **self._moving)
        if not known:
            return None
        source = min(known, key=lambda name: known[name])
        return End(known[source] - self._clock(), source)

    def draining(self) -> str:
        """The drain file that exists, or ""."""
        return next((path for path in self._drain_files if os.path.exists(path)), "")

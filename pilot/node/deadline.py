"""The end of the slot: the earliest of all ends that are known, read anew whenever it is asked."""

import os
import time
from typing import Callable, Dict, List, NamedTuple, Optional

from pilot.node import features


class End(NamedTuple):
    """Seconds left and the source that says so."""

    left_s: float
    source: str


class Deadline:
    """Ends counted from now on: fixed ones by the monotonic clock, MJF's re-read, a drain file watched."""

    def __init__(self, fixed: Dict[str, float], places: features.Features, drain_files: List[str],
                 clock: Callable[[], float] = time.monotonic, wall: Callable[[], float] = time.time) -> None:
        """`fixed` maps a source to the seconds it leaves now."""
        self._clock, self._wall = clock, wall
        self._ends = {source: clock() + left for source, left in fixed.items()}
        self._places, self._drain_files = places, drain_files

    def refresh(self) -> None:
        """Read Machine/Job Features again: shutdown times may be set, moved or taken back at any time."""
        for source in [name for name in self._ends if "FEATURES/" in name]:
            del self._ends[source]
        for source, moment in features.ends(self._places).items():
            self._ends[source] = self._clock() + moment - self._wall()

    def end(self) -> Optional[End]:
        """The earliest end, or None when none is known."""
        if not self._ends:
            return None
        source = min(self._ends, key=lambda name: self._ends[name])
        return End(self._ends[source] - self._clock(), source)

    def draining(self) -> str:
        """The drain file that exists, or ""."""
        return next((path for path in self._drain_files if os.path.exists(path)), "")

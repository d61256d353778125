"""The end of the slot: the earliest of all ends that are known, read anew whenever it is asked."""

import os
import threading
import time
from typing import Callable, Dict, List, NamedTuple, Optional

from pilot.node import features


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


class Poller:
    """Reads the ends of the slot in a thread of its own, so that whoever asks for them never waits."""

    def __init__(self, read: Callable[[], Optional[Dict[str, float]]], every_s: float) -> None:
        """`read` gives the ends that are known now, or None when it was not answered: then what was known still holds."""
        self.latest: Dict[str, float] = {}
        self.first = threading.Event()  # set when everything was read once, or could not be
        self._read, self._every_s = read, every_s
        self._stop = threading.Event()
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            found = self._read()
            if found is not None:
                self.latest = found
            self.first.set()
            if self._stop.wait(self._every_s):
                return

    def stop(self) -> None:
        """No more reading."""
        self._stop.set()


def known_ends(place: features.Features) -> Optional[Dict[str, float]]:
    """The ends that Machine/Job Features tell now; None when a place did not answer: a busy host takes nothing back."""
    found = features.ends(place)
    return found if place.answered() else None

"""Reads the end times of the slot from slow sources, in a separate thread."""

import threading
from typing import Callable, Dict, List, Optional

from pilot.node import features
from pilot.node.features import Features
from pilot.base.shared_defaults import SPOT_CLOUDS


class Poller:
    """Reads the end times of the slot in its own thread, so that the main thread never waits for a
    source."""

    def __init__(self, read: Callable[[], Optional[Dict[str, float]]], every_s: float) -> None:
        """`read` returns the end times that are known now. None means that the source did not
        answer: the known times stay valid."""
        self.latest: Dict[str, float] = {}
        self.first = threading.Event()  # set after the first attempt to read
        self._read, self._every_s = read, every_s
        self._stop = threading.Event()
        threading.Thread(target=self._poll_always, daemon=True).start()

    def _poll_always(self) -> None:
        while True:
            ends = self._read()
            if ends is not None:
                self.latest = ends
            self.first.set()
            if self._stop.wait(self._every_s):
                return

    def stop(self) -> None:
        """Stop reading."""
        self._stop.set()


def ends_reader(
    places: Features, spot_notices: str, every_s: float
) -> Callable[[], Dict[str, float]]:
    """A function that returns the variable end times of the slot. It reads files directly; a thread
    asks web servers, so that the caller waits only for the first answers."""
    pollers: List[Poller] = []
    if spot_notices != SPOT_CLOUDS[0]:
        from pilot.node import spot  # on demand: only on spot machines

        pollers.append(Poller(spot.reader(spot_notices), spot.EVERY_S))
    if places.is_remote():
        pollers.append(
            Poller(lambda: features.known_ends(Features(places.machine, places.job)), every_s)
        )
    for poller in pollers:
        # the pilot starts nothing before it knows the end of the slot
        poller.first.wait(2 * features.TIMEOUT_S + 1)

    def read() -> Dict[str, float]:
        ends = {} if places.is_remote() else features.ends(places)
        for poller in pollers:
            ends.update(poller.latest)
        return ends
    return read

"""What tells when the slot ends and may take its time to answer, read in a thread of its own."""

import threading
from typing import Callable, Dict, List, Optional

from pilot.node import features
from pilot.node.features import Features
from pilot.base.shared_defaults import SPOT_CLOUDS


class Poller:
    """Reads the ends of the slot in a thread of its own, so that whoever asks for them never
    waits."""

    def __init__(self, read: Callable[[], Optional[Dict[str, float]]], every_s: float) -> None:
        """`read` gives the ends that are known now, or None when it was not answered: then what was
        known still holds."""
        self.latest: Dict[str, float] = {}
        self.first = threading.Event()  # set when everything was read once, or could not be
        self._read, self._every_s = read, every_s
        self._stop = threading.Event()
        threading.Thread(target=self._poll_always, daemon=True).start()

    def _poll_always(self) -> None:
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


def ends_reader(
    places: Features, spot_notices: str, every_s: float
) -> Callable[[], Dict[str, float]]:
    """What reads the moving ends of the slot: files at once, web servers in a thread, so that
    whoever reads never waits, but for the first answers."""
    pollers: List[Poller] = []
    if spot_notices != SPOT_CLOUDS[0]:
        from pilot.node import spot  # only on spot machines

        pollers.append(Poller(spot.reader(spot_notices), spot.EVERY_S))
    if places.is_remote():
        pollers.append(
            Poller(lambda: features.known_ends(Features(places.machine, places.job)), every_s)
        )
    for poller in pollers:
        # nothing is begun before the slot's end is known
        poller.first.wait(2 * features.TIMEOUT_S + 1)

    def read() -> Dict[str, float]:
        found = {} if places.is_remote() else features.ends(places)
        for poller in pollers:
            found.update(poller.latest)
        return found
    return read

"""The stream hands every event to every sink; a sink that fails is counted and never hurts the
pilot."""

import itertools
import time
from typing import Callable, Dict, List

from pilot.events import event as events
from pilot.base.log import Masker, utc

FIRST = 3  # a pilot's beginning, told also to sinks that come after it
Sink = Callable[[events.Event], None]


class Stream:
    """`emit` numbers an event, masks secrets in it and passes it to the sinks; from any thread, and
    in a signal handler."""

    def __init__(self, pilot: str, masker: Masker, first: int = 1) -> None:
        self.pilot = pilot
        self.lost: Dict[str, int] = {}
        self._masker, self._numbers = masker, itertools.count(first)
        self._sinks: List[Sink] = []
        self._first: List[events.Event] = []

    def attach_sink(self, sink: Sink) -> None:
        """From now on this sink gets every event, and now the very first ones that it missed."""
        for told in self._first:
            self._hand_event(sink, told)
        self._sinks.append(sink)

    def emit(self, event: str, **fields: object) -> None:
        """Tell the sinks. Never raises."""
        told = events.make(
            self.pilot, next(self._numbers), utc(time.time()), event, self._masker.mask_fields(fields)
        )
        if len(self._first) < FIRST:
            self._first.append(told)
        for sink in self._sinks:
            self._hand_event(sink, told)

    def _hand_event(self, sink: Sink, told: events.Event) -> None:
        try:
            sink(told)
        except Exception:  # a sink must not hurt the pilot: what it lost is counted and reported
            self.count_lost(type(sink).__name__, 1)

    def count_lost(self, sink: str, count: int) -> None:
        """So many events did not get where this sink sends them."""
        self.lost[sink] = self.lost.get(sink, 0) + count

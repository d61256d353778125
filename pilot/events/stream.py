"""Passes every event to every sink. A sink that fails is counted and never stops the pilot."""

import itertools
import time
from typing import Callable, Dict, List

from pilot.events import event as events
from pilot.base.log import Masker, utc

FIRST = 3  # the first events of a pilot, kept for sinks that are attached later
Sink = Callable[[events.Event], None]


class Stream:
    """`emit` numbers an event, masks secrets in it and passes it to the sinks. It can be called
    from any thread and from a signal handler."""

    def __init__(self, pilot: str, masker: Masker, first: int = 1) -> None:
        self.pilot = pilot
        self.lost: Dict[str, int] = {}
        self._masker, self._numbers = masker, itertools.count(first)
        self._sinks: List[Sink] = []
        self._first: List[events.Event] = []

    def attach_sink(self, sink: Sink) -> None:
        """Pass every event to this sink from now on; first pass it the kept first events."""
        for event in self._first:
            self._hand_event(sink, event)
        self._sinks.append(sink)

    def emit(self, event: str, **fields: object) -> None:
        """Pass an event to all sinks. Never raises."""
        told = events.make(
            self.pilot, next(self._numbers), utc(time.time()), event, self._masker.mask_fields(fields)
        )
        if len(self._first) < FIRST:
            self._first.append(told)
        for sink in self._sinks:
            self._hand_event(sink, told)

    def _hand_event(self, sink: Sink, event: events.Event) -> None:
        try:
            sink(event)
        except Exception:  # a sink must not stop the pilot; lost events are counted and reported
            self.count_lost(type(sink).__name__, 1)

    def count_lost(self, sink: str, count: int) -> None:
        """Record that `count` events did not reach the destination of this sink."""
        self.lost[sink] = self.lost.get(sink, 0) + count

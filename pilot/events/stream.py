"""The stream hands every event to every sink; a sink that fails is counted and never hurts the pilot."""

import time
from typing import Any, Callable, Dict, List

from pilot.events import event as events
from pilot.log import Masker, utc

Sink = Callable[[events.Event], None]


class Stream:
    """`emit` numbers an event, masks secrets in it and passes it to the sinks."""

    def __init__(self, pilot: str, masker: Masker) -> None:
        self.pilot = pilot
        self.lost: Dict[str, int] = {}
        self._masker, self._seq = masker, 0
        self._sinks: List[Sink] = []

    def attach(self, sink: Sink) -> None:
        """From now on this sink gets every event."""
        self._sinks.append(sink)

    def emit(self, event: str, **fields: Any) -> None:
        """Tell the sinks. Never raises."""
        self._seq += 1
        told = events.make(self.pilot, self._seq, utc(time.time()), event, self._masker.value(fields))
        for sink in self._sinks:
            try:
                sink(told)
            except Exception:  # a sink must not hurt the pilot: what it lost is counted and reported
                name = type(sink).__name__
                self.lost[name] = self.lost.get(name, 0) + 1

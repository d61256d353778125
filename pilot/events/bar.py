"""A progress bar for a person at a terminal: one line, redrawn when tasks start and finish."""

import os
import time

from pilot.events import progress
from pilot.events import event as events
from pilot.events.tally import TaskTally
from pilot.base.log import LineHandler

CLEAR = "\r\033[K"
EVERY_S = 0.1
DRAWS = (events.TASK_STARTED, events.TASK_FINISHED)


class Bar:
    """An event sink. `console` is the handler that writes log lines to the same terminal; it clears
    the bar before each line."""

    def __init__(self, descriptor: int, console: LineHandler, tally: TaskTally, total: int) -> None:
        self._descriptor, self._console, self._tally, self._total = (
            descriptor,
            console,
            tally,
            total,
        )
        self._drawn = 0.0

    def __call__(self, event: events.Event) -> None:
        kind = event["event"]
        if kind in DRAWS and time.monotonic() - self._drawn >= EVERY_S:
            self._drawn, self._console.before = time.monotonic(), CLEAR
            self._write_text(
                CLEAR + progress.draw_bar(self._tally.counts, len(self._tally.running), self._total)
            )
        elif kind == events.COMMAND_FINISHED and self._console.before:
            self._console.before = ""
            self._write_text(CLEAR)

    def _write_text(self, text: str) -> None:
        try:
            os.write(self._descriptor, text.encode("ascii"))
        except OSError:  # the terminal may be closed: the pilot does not need it
            pass

"""Sends the pilot's log as events with many lines each."""

import logging
from typing import Callable, List

from pilot.base.log import Masker, format_lines

MOST_LINES = 100
MOST_TEXT = 4000
MOST_CHARACTERS = 30000  # of one event: servers limit the size


class LogLines(logging.Handler):
    """Collects log lines; `flush_lines` passes them to `emit_lines`, which must not log."""

    def __init__(self, masker: Masker, emit_lines: Callable[[List[str]], None]) -> None:
        super().__init__()
        self._masker, self._emit_lines = masker, emit_lines
        self._lines: List[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Collect the lines of one record."""
        self._lines += [line[:MOST_TEXT] for line in format_lines(record, self._masker)]
        if len(self._lines) >= MOST_LINES:
            self.flush_lines()

    def flush_lines(self) -> None:
        """Emit the collected lines in as few events as possible."""
        self.acquire()
        lines, self._lines = self._lines, []
        self.release()
        part: List[str] = []
        size = 0
        for line in lines:
            if part and (size + len(line) > MOST_CHARACTERS or len(part) >= MOST_LINES):
                self._emit_lines(part)
                part, size = [], 0
            part.append(line)
            size += len(line)
        if part:
            self._emit_lines(part)

"""Limits the log, so that clients cannot fill it. It passes each kind of line at most once a minute
and counts the others."""

import logging
import time
from typing import Callable, Dict, Tuple

EVERY_S = 60.0
MOST_KINDS = 1000


class Seldom(logging.Filter):
    """Passes a kind of line (its template and level) once in EVERY_S. The next line of this kind
    contains the number of lines that it dropped."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        # by kind: when the last line passed, and how many lines were dropped since
        self._kinds: Dict[Tuple[int, str], Tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Part of the protocol of logging: return whether this line passes."""
        kind, now = (record.levelno, str(record.msg)), self._clock()
        passed, left_out = self._kinds.get(kind, (-EVERY_S, 0))
        if now - passed < EVERY_S:
            self._kinds[kind] = (passed, left_out + 1)
            return False
        if len(self._kinds) >= MOST_KINDS:
            self._kinds.clear()
        self._kinds[kind] = (now, 0)
        if left_out:
            record.msg, record.args = (
                "%s (and %d more like it in the last %.0f s)"
                % (record.getMessage(), left_out, now - passed),
                None,
            )
        return True

"""How long the pool has not answered, and when that has lasted too long."""

import time

from pilot.agent.timing import RETRY_S
from pilot.pool.interface import Busy, Denied


class Outage:
    """From the first question without an answer to the next answer."""

    def __init__(self) -> None:
        self._since, self._failures = 0.0, 0  # since 0: there is none
        self._met = False  # whether the pool has ever answered

    def end(self) -> None:
        """The pool has answered."""
        self._since, self._failures, self._met = 0.0, 0, True

    def restart(self) -> None:
        """Count from the next question on: how long is bearable has changed."""
        self._since = 0.0

    def note_failure(self) -> float:
        """A question had no answer; returns the seconds since the first such."""
        now = time.monotonic()
        self._since = self._since or now
        self._failures += 1
        return now - self._since

    def is_hopeless(self, error: Busy) -> bool:
        """A token that is wrong at the start is no outage."""
        return isinstance(error, Denied) and not self._met

    def retry_s(self) -> float:
        """How long to wait after the last failure."""
        return RETRY_S[min(self._failures - 1, len(RETRY_S) - 1)]

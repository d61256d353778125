"""How long the pool has not answered, and whether that has lasted too long."""

import time

from pilot.agent.timing import RETRY_S
from pilot.pool.interface import Busy, Denied


class Outage:
    """The time from the first request without an answer to the next answer."""

    def __init__(self) -> None:
        self._since, self._failures = 0.0, 0  # start of the outage; 0: the pool answers
        self._met = False  # whether the pool has ever answered

    def end(self) -> None:
        """Record an answer of the pool."""
        self._since, self._failures, self._met = 0.0, 0, True

    def restart(self) -> None:
        """Count from the next request on, because the tolerated duration has changed."""
        self._since = 0.0

    def note_failure(self) -> float:
        """Record a request without an answer; returns the seconds since the first one."""
        now = time.monotonic()
        self._since = self._since or now
        self._failures += 1
        return now - self._since

    def is_hopeless(self, error: Busy) -> bool:
        """Whether the pool refuses the token before it has ever answered: then the agent does not
        retry."""
        return isinstance(error, Denied) and not self._met

    def retry_s(self) -> float:
        """How long to wait after the last failure."""
        return RETRY_S[min(self._failures - 1, len(RETRY_S) - 1)]

"""Decides when a sender sends its next batch, and how large it is: no clock, no network."""

import random
from typing import Sequence


class Gathering:
    """Collects events for one batch, until their weight reaches `enough` or `longest_s` after the
    first."""

    def __init__(self, enough: int, longest_s: float) -> None:
        self._enough, self._longest_s = enough, longest_s
        self._weight, self._since = 0, 0.0
        self.urgent = False  # whether to send the events at once

    def restart(self, now: float) -> None:
        """Start a new batch, whose first event arrives at `now`."""
        self._weight, self._since = 0, now

    def add_weight(self, weight: int) -> None:
        """Count one more event."""
        self._weight += weight

    def ready_at(self) -> float:
        """The earliest moment at which to send the batch."""
        return 0.0 if self._weight >= self._enough else self._since + self._longest_s


class Attempts:
    """Chooses the batch size and the pause for the next attempt from the results of past
    attempts."""

    def __init__(self, batch_size: int, pauses_s: Sequence[float]) -> None:
        self.batch_size = self._largest = batch_size
        self._pauses = pauses_s
        self.failures = 0  # since the last success
        self.why = "not in time"  # why the last attempt failed

    def note_success(self) -> None:
        """The batch arrived: let batches grow again."""
        self.batch_size = min(self._largest, 2 * self.batch_size)
        self.failures = 0

    def shrink_batch(self, count: int) -> None:
        """The server refused a batch of `count` events: use smaller ones to find the invalid
        event."""
        self.batch_size = count // 2

    def note_failure(self) -> float:
        """Count one more failure in a row; return the seconds until the next attempt."""
        pause = self._pauses[min(self.failures, len(self._pauses) - 1)]
        self.failures += 1
        return pause * (0.75 + 0.5 * random.random())

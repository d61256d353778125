"""When a sender sends its next batch, and how large it is: decisions without a clock or a network."""

import random
from typing import Sequence


class Gathering:
    """Events travel together: when `enough` weight is there, or `longest_s` after the first."""

    def __init__(self, enough: int, longest_s: float) -> None:
        self._enough, self._longest_s = enough, longest_s
        self._weight, self._since = 0, 0.0
        self.urgent = False  # whether the events travel at once

    def restart(self, now: float) -> None:
        """The first event of a batch comes at this moment."""
        self._weight, self._since = 0, now

    def add_weight(self, weight: int) -> None:
        """Count one more event."""
        self._weight += weight

    def ready_at(self) -> float:
        """The moment from which on the events may travel."""
        return 0.0 if self._weight >= self._enough else self._since + self._longest_s


class Attempts:
    """The results of past attempts decide on the next: its size, and the pause before it."""

    def __init__(self, batch_size: int, pauses_s: Sequence[float]) -> None:
        self.batch_size = self._largest = batch_size
        self._pauses = pauses_s
        self.failures = 0  # since the last success
        self.why = "not in time"  # why the last attempt failed

    def note_success(self) -> None:
        """The batch arrived: batches grow again."""
        self.batch_size = min(self._largest, 2 * self.batch_size)
        self.failures = 0

    def shrink_batch(self, count: int) -> None:
        """A batch of `count` events was refused: smaller ones show which event is at fault."""
        self.batch_size = count // 2

    def note_failure(self) -> float:
        """One more failure in a row; the seconds until the next attempt."""
        pause = self._pauses[min(self.failures, len(self._pauses) - 1)]
        self.failures += 1
        return pause * (0.75 + 0.5 * random.random())

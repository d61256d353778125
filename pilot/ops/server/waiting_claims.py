"""The claims that wait for work (long polls): at most one for each pilot. The server retries them
in turn."""

import time
from typing import Callable, Dict, List, NamedTuple, Optional, Tuple

from pilot.ops.server.wire import Answer

Work = Callable[[], Optional[Answer]]  # None: a claim that may wait has no answer yet
Respond = Callable[[Answer], None]
WAITERS_AT_ONCE = 200


class Waiter(NamedTuple):
    """A claim that waits: the work to retry, and the answer when it times out."""

    work: Work
    respond: Respond
    until: float
    empty: Answer


class WaitingClaims:
    """The waiting claims by pilot, and which of them to retry."""

    def __init__(self) -> None:
        self._waiters: Dict[str, Waiter] = {}
        self._retry_all = False
        self._to_try: List[str] = []

    def __len__(self) -> int:
        return len(self._waiters)

    def add_waiter(self, pilot: str, waiter: Waiter) -> None:
        """Store this claim until there is work. Answer an older claim of the same pilot with no
        work. Answer a claim whose time is over at once."""
        if waiter.until <= time.monotonic():
            waiter.respond(waiter.empty)
            return
        self.answer_empty(pilot)
        self._waiters[pilot] = waiter

    def answer_empty(self, pilot: str) -> None:
        """Answer the waiting claim of this pilot, if there is one, with no work."""
        waiter = self._waiters.pop(pilot, None)
        if waiter is not None:
            waiter.respond(waiter.empty)

    def answer_all(self) -> None:
        """Answer all waiting claims with no work."""
        for pilot in list(self._waiters):
            self.answer_empty(pilot)

    def answer_overdue(self) -> None:
        """Answer the claims whose time is over with no work."""
        now = time.monotonic()
        for pilot in [pilot for pilot, waiter in self._waiters.items() if waiter.until <= now]:
            self.answer_empty(pilot)

    def forget_waiter(self, pilot: str, respond: Respond) -> None:
        """Remove a waiting claim whose client has disconnected."""
        if pilot in self._waiters and self._waiters[pilot].respond is respond:
            del self._waiters[pilot]

    def remove_served(self, pilots: List[str]) -> None:
        """Remove the claims that were answered with work."""
        for pilot in pilots:
            del self._waiters[pilot]

    def request_retry(self) -> None:
        """Retry all waiting claims in the next transaction."""
        self._retry_all = True

    def begin_round(self) -> bool:
        """Runs before a transaction: return whether there are claims to retry."""
        if self._retry_all:
            self._retry_all, self._to_try = False, list(self._waiters)
        return bool(self._to_try)

    def needs_round(self) -> bool:
        """Return whether there are claims to retry in a further transaction."""
        return self._retry_all or bool(self._to_try)

    def end_round(self) -> None:
        """Retry no more claims until the next `request_retry`."""
        self._to_try = []

    def next_waiters(self) -> List[Tuple[str, Waiter]]:
        """Return the claims to retry in this transaction, with their pilots."""
        pilots, self._to_try = self._to_try[:WAITERS_AT_ONCE], self._to_try[WAITERS_AT_ONCE:]
        return [(pilot, self._waiters[pilot]) for pilot in pilots if pilot in self._waiters]

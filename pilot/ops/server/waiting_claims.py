"""Claims that wait for work (long poll): at most one of each pilot, tried again in turn."""

import time
from typing import Callable, Dict, List, NamedTuple, Optional, Tuple

from pilot.ops.server.wire import Answer

Work = Callable[[], Optional[Answer]]  # None: no answer yet, for a claim that may wait
Respond = Callable[[Answer], None]
WAITERS_AT_ONCE = 200


class Waiter(NamedTuple):
    """A claim that waits: what to try again, and its answer when the time is over."""

    work: Work
    respond: Respond
    until: float
    empty: Answer


class WaitingClaims:
    """The waiting claims by pilot, and which of them to try again."""

    def __init__(self) -> None:
        self._waiters: Dict[str, Waiter] = {}
        self._retry_all = False
        self._to_try: List[str] = []

    def __len__(self) -> int:
        return len(self._waiters)

    def add_waiter(self, pilot: str, waiter: Waiter) -> None:
        """Let this claim wait; an older one of the same pilot is answered empty. A claim whose
        time is over is answered at once."""
        if waiter.until <= time.monotonic():
            waiter.respond(waiter.empty)
            return
        self.answer_empty(pilot)
        self._waiters[pilot] = waiter

    def answer_empty(self, pilot: str) -> None:
        """Answer the waiting claim of this pilot, if there is one: no work."""
        waiter = self._waiters.pop(pilot, None)
        if waiter is not None:
            waiter.respond(waiter.empty)

    def answer_all(self) -> None:
        """Answer all waiting claims: no work."""
        for pilot in list(self._waiters):
            self.answer_empty(pilot)

    def answer_overdue(self) -> None:
        """Answer the claims whose time is over: no work."""
        now = time.monotonic()
        for pilot in [pilot for pilot, waiter in self._waiters.items() if waiter.until <= now]:
            self.answer_empty(pilot)

    def forget_waiter(self, pilot: str, respond: Respond) -> None:
        """The client that sent this claim has disconnected."""
        if pilot in self._waiters and self._waiters[pilot].respond is respond:
            del self._waiters[pilot]

    def remove_served(self, pilots: List[str]) -> None:
        """These claims were answered with work."""
        for pilot in pilots:
            del self._waiters[pilot]

    def request_retry(self) -> None:
        """Try all waiting claims again with the next transaction."""
        self._retry_all = True

    def begin_round(self) -> bool:
        """Before a transaction: returns whether there are claims to try again."""
        if self._retry_all:
            self._retry_all, self._to_try = False, list(self._waiters)
        return bool(self._to_try)

    def needs_round(self) -> bool:
        """Whether there are claims to try again in a further transaction."""
        return self._retry_all or bool(self._to_try)

    def end_round(self) -> None:
        """Try no more claims until the next `request_retry`."""
        self._to_try = []

    def next_waiters(self) -> List[Tuple[str, Waiter]]:
        """The claims to try in this transaction, with their pilots."""
        pilots, self._to_try = self._to_try[:WAITERS_AT_ONCE], self._to_try[WAITERS_AT_ONCE:]
        return [(pilot, self._waiters[pilot]) for pilot in pilots if pilot in self._waiters]

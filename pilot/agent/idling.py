"""What an agent without work does: it claims again, waits for a retry, or ends."""

import time
from typing import Optional

from pilot.agent import pool_reasons
from pilot.agent.config import AgentConfig
from pilot.agent.timing import POLL_S, RETRY_PATIENCE_S, WAIT_S
from pilot.pool.interface import Backlog


class Idling:
    """Records since when the agent has no work, and how many claims in a row got nothing."""

    def __init__(self, config: AgentConfig) -> None:
        self._config = config
        self._since, self._empty_polls = time.monotonic(), 0
        self._told = False

    def note_work(self) -> None:
        """A payload has ended: the time without work starts now."""
        self._since, self._told = time.monotonic(), False

    def news(self, backlog: Backlog) -> str:
        """Why the pool gave nothing, once for each time without work; "" otherwise."""
        first, self._told = not self._told, True
        return pool_reasons.why_no_work(backlog) if first else ""

    def note_answer(self) -> None:
        """The claim got work, or the pool itself waited for work: the next claim needs no delay."""
        self._empty_polls = 0

    def wait_at_pool_s(self, alone: bool) -> float:
        """How long a claim may wait at a server for work; `alone`: no payload runs meanwhile."""
        if not alone:
            return WAIT_S
        return min(WAIT_S, max(0.5, self._config.idle_s - self._idle_s()))

    def next_poll_s(self, remote: bool) -> float:
        """Seconds until the next claim. A server needs no delay, because it waits for work before
        it answers."""
        at_once = remote and not self._empty_polls
        self._empty_polls += 1
        return 0.0 if at_once else POLL_S[min(self._empty_polls - 1, len(POLL_S) - 1)]

    def retry_wait_s(self, backlog: Backlog, left_s: Optional[float]) -> Optional[float]:
        """How long to wait for another attempt at a task that failed; None: the agent does not
        wait."""
        wait = backlog.retry_s
        if wait is None or left_s is not None and wait >= left_s:
            return None
        bearable = max(self._config.idle_s, RETRY_PATIENCE_S) - self._idle_s()
        if not self._config.wait_for_retries and wait > bearable:
            return None
        return min(wait + 0.05, POLL_S[-1])

    def reason_to_end(self, backlog: Backlog) -> str:
        """Why this agent gets no more work; "" while it waits for work."""
        return "" if self._idle_s() < self._config.idle_s else pool_reasons.why_no_work(backlog)

    def _idle_s(self) -> float:
        return time.monotonic() - self._since

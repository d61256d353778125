"""What an agent without work does: asks again, waits for a retry, or ends."""

import time
from typing import Optional

from pilot.agent import pool_reasons
from pilot.agent.config import AgentConfig
from pilot.agent.timing import POLL_S, RETRY_PATIENCE_S, WAIT_S
from pilot.pool.interface import Backlog


class Idling:
    """Since when there has been no work, and how often the pool had none."""

    def __init__(self, config: AgentConfig) -> None:
        self._config = config
        self._since, self._empty_polls = time.monotonic(), 0

    def note_work(self) -> None:
        """A payload has ended: the time without work begins now."""
        self._since = time.monotonic()

    def note_answer(self) -> None:
        """There was work, or the pool waited for it itself: the next question may come at once."""
        self._empty_polls = 0

    def wait_at_pool_s(self, alone: bool) -> float:
        """How long a claim may wait at a server for work; `alone`: nothing runs meanwhile."""
        if not alone:
            return WAIT_S
        return min(WAIT_S, max(0.5, self._config.idle_s - self._idle_s()))

    def next_poll_s(self, remote: bool) -> float:
        """Seconds until the pool is asked again; a server may be asked at once, as it waits for
        work with its answer."""
        at_once = remote and not self._empty_polls
        self._empty_polls += 1
        return 0.0 if at_once else POLL_S[min(self._empty_polls - 1, len(POLL_S) - 1)]

    def retry_wait_s(self, backlog: Backlog, left_s: Optional[float]) -> Optional[float]:
        """How long to wait for another attempt at a task that failed; None: it is not worth it."""
        wait = backlog.retry_s
        if wait is None or left_s is not None and wait >= left_s:
            return None
        bearable = max(self._config.idle_s, RETRY_PATIENCE_S) - self._idle_s()
        if not self._config.wait_for_retries and wait > bearable:
            return None
        return min(wait + 0.05, POLL_S[-1])

    def reason_to_end(self, backlog: Backlog) -> str:
        """Why there is no more work here; "" while more is waited for."""
        return "" if self._idle_s() < self._config.idle_s else pool_reasons.why_no_work(backlog)

    def _idle_s(self) -> float:
        return time.monotonic() - self._since

"""The periodic work of a server: end late connections, record curves, delete old data."""

import asyncio
import logging
import time
from typing import Callable, Dict, List, NamedTuple, Optional

from pilot.events.endings import TaskState
from pilot.ops.server import tasks_api
from pilot.ops.server.commit_queue import SWEEP_S
from pilot.ops.server.services import Services
from pilot.ops.server.wire import Answer
from pilot.pool.interface import Busy

TICK_S = 60.0
FORGET_AGAIN_S = 0.1
PURGE_ROWS = 1000
log = logging.getLogger("pilot.pool")


class Retention(NamedTuple):
    """How long the server stores events of pilots and done tasks, and how much space the events may
    use."""

    days: float = 30.0
    megabytes: float = 4000.0
    done_days: Optional[float] = None  # how long to store done tasks; None: no limit


class Upkeep:
    """The timers of a server. `find_problem` checks the pool's file. If it returns a sentence,
    `on_problem` receives that sentence."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, services: Services, retention: Retention
    ) -> None:
        self._loop, self._services, self._retention = loop, services, retention
        self._timers: List[asyncio.TimerHandle] = []
        self._forgetting: Optional[asyncio.TimerHandle] = None
        self.find_problem: Callable[[], str] = lambda: ""
        self.on_problem: Callable[[str], None] = lambda sentence: None

    def start(self) -> None:
        """Start the timers."""
        self._run_every(SWEEP_S, self._sweep_each_second)
        self._run_every(TICK_S, self._tick_each_minute)

    def stop(self) -> None:
        """Cancel the timers."""
        for timer in self._timers:
            timer.cancel()
        if self._forgetting is not None:
            self._forgetting.cancel()

    def _run_every(self, seconds: float, duty: Callable[[], None]) -> None:
        def run_again() -> None:
            self._timers[:] = [timer for timer in self._timers if timer is not handle]
            self._run_every(seconds, duty)
            try:
                duty()
            except Busy as error:
                log.warning("%s", error)

        handle = self._loop.call_later(seconds, run_again)
        self._timers.append(handle)

    def _sweep_each_second(self) -> None:
        problem = self.find_problem()
        if problem:
            return self.on_problem(problem)
        self._services.connections.end_overdue()
        self._services.commit_queue.sweep_waiting()

    def _tick_each_minute(self) -> None:
        refusals = self._services.connections.refusals.describe_new()
        if refusals:
            log.warning("%s", refusals)
        self._services.commit_queue.submit(self._count_states, lambda answer: None)
        if self._forgetting is None:
            self._forget_old()

    def _count_states(self) -> Answer:
        """Delete old data of the pool and pass the counts to the curves. Runs within the
        transaction of a batch."""
        pool = self._services.pool
        pool.forget_requests()
        if self._retention.done_days is not None:
            pool.purge(TaskState.DONE, self._retention.done_days * 86400, PURGE_ROWS)
        self._loop.call_soon(self._record_counts, pool.status())
        return tasks_api.NOTHING

    def _record_counts(self, counts: Dict[str, int]) -> None:
        try:
            with self._services.story.batch():
                self._services.story.record_tick(counts)
        except Busy as error:
            log.warning("%s", error)

    def _forget_old(self) -> None:
        """Delete old events in small steps, so that the server handles requests between them."""
        retention = self._retention
        try:
            with self._services.story.batch():
                more = self._services.story.forget_old(
                    time.time() - retention.days * 86400, int(retention.megabytes * (1 << 20))
                )
        except Busy as error:
            more = False
            log.warning("%s", error)
        self._forgetting = (
            self._loop.call_later(FORGET_AGAIN_S, self._forget_old) if more else None
        )

"""Group commit: the requests of one turn of the event loop share one transaction and are answered
after its commit.

A claim that waits for work (long poll) is tried again whenever a task may have become claimable;
each pilot has at most one, a newer request of the pilot ends it.
"""

import asyncio
import logging
import time
import traceback
from typing import List, NamedTuple, Optional, Tuple

from pilot.pool.interface import Busy
from pilot.ops.server.outage import OutageTracker
from pilot.ops.server.store import Store
from pilot.ops.server.story import Story
from pilot.ops.server.waiting_claims import Respond, Waiter, WaitingClaims, Work
from pilot.ops.server.wire import Answer, BadRequest, answer_error

SWEEP_S = 1.0
log = logging.getLogger("pilot.pool")


class CommitQueue:
    """`submit` takes work; its answer goes to `respond` when it is on disk. Only the thread of the
    event loop may use it."""

    def __init__(self, loop: asyncio.AbstractEventLoop, pool: Store, story: Story) -> None:
        self._loop, self._pool, self._story = loop, pool, story
        self._queue: List[_Item] = []
        self._stories: List[_Item] = []
        self._waiting = WaitingClaims()
        self._outage = OutageTracker()
        self._scheduled = False
        self.commits = self.operations = 0

    def count_waiting(self) -> int:
        """How many claims wait."""
        return len(self._waiting)

    def submit(self, work: Work, respond: Respond, story: bool = False) -> None:
        """Do this work in the next transaction. Work with `story` has a transaction of its own, so
        that a failure of the stories' file does not affect tasks."""
        (self._stories if story else self._queue).append(_Item(work, respond, None))
        self._schedule_batch()

    def submit_waiting(
        self, work: Work, respond: Respond, pilot: str, wait_s: float, empty: Answer
    ) -> None:
        """The same for a claim that may wait: `work` returns None when there is nothing, `empty` is
        the answer when the time is over."""
        self.nudge(pilot)
        self._queue.append(_Item(work, respond, _Wait(pilot, time.monotonic() + wait_s, empty)))
        self._schedule_batch()

    def nudge(self, pilot: str) -> None:
        """Answer the waiting claim of this pilot now, also one that waits for its transaction."""
        for at, item in enumerate(self._queue):
            if item.wait is not None and item.wait.pilot == pilot:
                self._queue[at] = item._replace(wait=item.wait._replace(until=0.0))
        self._waiting.answer_empty(pilot)

    def forget_waiter(self, pilot: str, respond: Respond) -> None:
        """The client of this waiting claim has disconnected."""
        self._waiting.forget_waiter(pilot, respond)

    def retry_waiting(self) -> None:
        """A task may have become claimable: try the waiting claims with the next transaction."""
        self._waiting.request_retry()
        self._schedule_batch()

    def sweep_waiting(self) -> None:
        """Once a second: answer claims whose time is over, and try the others, because leases that
        ran out may have released tasks."""
        self._outage.measure_gap()
        self._waiting.answer_overdue()
        if len(self._waiting):
            self.retry_waiting()
        if self._outage.is_record_due() and self._pool.has_leases():
            self.submit(lambda: answer_error(200, ""), lambda answer: None)

    def drain(self) -> None:
        """The server ends: submitted work is done, waiting claims are answered empty."""
        self._waiting.answer_all()
        self.flush()

    def _schedule_batch(self) -> None:
        if not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self.flush)

    def flush(self) -> None:
        """Do the submitted work now."""
        self._scheduled = False
        stories, self._stories = self._stories, []
        if stories:
            self._run_batch(stories)
        queue, self._queue = self._queue, []
        if self._waiting.begin_round() or queue:
            self._run_batch(queue, True)

    def _run_batch(self, queue: "List[_Item]", tasks: bool = False) -> None:
        """One transaction."""
        batch = _Batch()
        if tasks:
            self._outage.measure_gap()
        try:
            with (self._pool if tasks else self._story).batch():
                if tasks:
                    self._outage.begin_batch(self._pool)
                    self._pool.expire_leases()
                for item in queue:
                    batch.current = item
                    batch.add_answer(item, _try_work(item.work))
                batch.current = None
                if tasks:
                    self._serve_waiters(batch)
        except Busy as error:
            log.error("%s", error)
            if tasks:
                self._outage.mark_failing()
            refusal = answer_error(503, str(error), "Retry-After: 2\r\n")
            return _send_answers([(item.respond, refusal) for item in queue])
        except Exception:  # a bug of ours: its request is refused, the others are done without it
            return self._retry_without(batch.current, queue, tasks)
        self._finish_batch(batch, len(queue), tasks)

    def _serve_waiters(self, batch: "_Batch") -> None:
        for pilot, waiter in self._waiting.next_waiters():
            if not self._pool.count_claimable():
                self._waiting.end_round()
                break
            answer = _try_work(waiter.work)
            if answer is not None:
                batch.answers.append((waiter.respond, answer))
                batch.served.append(pilot)

    def _finish_batch(self, batch: "_Batch", count: int, tasks: bool) -> None:
        """The transaction is on disk: send the answers."""
        if tasks:
            self._outage.commit_batch()
        self._waiting.remove_served(batch.served)
        for item in batch.waits:
            if item.wait is not None:
                self._waiting.add_waiter(
                    item.wait.pilot,
                    Waiter(item.work, item.respond, item.wait.until, item.wait.empty),
                )
        self.commits, self.operations = self.commits + 1, self.operations + count
        if self._waiting.needs_round():
            self._schedule_batch()
        _send_answers(batch.answers)

    def _retry_without(self, culprit: Optional["_Item"], queue: "List[_Item]", tasks: bool) -> None:
        log.error(
            "a request could not be served, which is a bug:\n%s", traceback.format_exc().rstrip()
        )
        self._waiting.end_round()
        rest = [item for item in queue if item is not culprit]
        if tasks:
            self._queue = rest + self._queue
        else:
            self._stories = rest + self._stories
        if rest:
            self._schedule_batch()
        if culprit is not None:
            culprit.respond(
                answer_error(500, "the server has a bug here; its log has the traceback")
            )


def _try_work(work: Work) -> Optional[Answer]:
    try:
        return work()
    except BadRequest as error:
        return answer_error(error.status, str(error))


def _send_answers(answers: List[Tuple[Respond, Answer]]) -> None:
    for respond, answer in answers:
        respond(answer)


class _Wait(NamedTuple):
    pilot: str
    until: float
    empty: Answer


class _Item(NamedTuple):
    work: Work
    respond: Respond
    wait: Optional[_Wait]


class _Batch:
    """What one transaction has done so far."""

    def __init__(self) -> None:
        self.answers: List[Tuple[Respond, Answer]] = []
        self.waits: List[_Item] = []
        self.served: List[str] = []
        self.current: Optional[_Item] = None  # the item whose work runs now

    def add_answer(self, item: _Item, answer: Optional[Answer]) -> None:
        """Note the answer of this work; None: the claim waits."""
        if answer is not None:
            self.answers.append((item.respond, answer))
        elif item.wait is not None:
            self.waits.append(item)

"""Group commit: all requests of one turn of the event loop share one transaction. The server
answers them after the commit.

The queue retries a claim that waits for work (long poll) when a task may have become claimable.
Each pilot has at most one such claim. A newer request of the pilot ends it.
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
    """`submit` accepts work. `respond` receives its answer after the commit. Only the thread of the
    event loop may use this class."""

    def __init__(self, loop: asyncio.AbstractEventLoop, pool: Store, story: Story) -> None:
        self._loop, self._pool, self._story = loop, pool, story
        self._queue: List[_Item] = []
        self._stories: List[_Item] = []
        self._waiting = WaitingClaims()
        self._outage = OutageTracker()
        self._scheduled = False
        self.commits = self.operations = 0

    def count_waiting(self) -> int:
        """Return how many claims wait."""
        return len(self._waiting)

    def submit(
        self, work: Work, respond: Respond, story: bool = False, reads: bool = False
    ) -> None:
        """Do this work in the next transaction. Work with `story` has a separate transaction, so
        that a failure of the stories' file does not affect tasks. Work that only `reads` is done
        even when nothing can be written."""
        (self._stories if story else self._queue).append(_Item(work, respond, None, reads))
        self._schedule_batch()

    def submit_waiting(
        self, work: Work, respond: Respond, pilot: str, wait_s: float, empty: Answer
    ) -> None:
        """Do the same for a claim that may wait: `work` returns None if there is no task yet,
        `empty` is the answer when the claim times out."""
        self.nudge(pilot)
        self._queue.append(_Item(work, respond, _Wait(pilot, time.monotonic() + wait_s, empty)))
        self._schedule_batch()

    def nudge(self, pilot: str) -> None:
        """Answer the waiting claim of this pilot now, including a claim whose transaction has not
        run yet."""
        for at, item in enumerate(self._queue):
            if item.wait is not None and item.wait.pilot == pilot:
                self._queue[at] = item._replace(wait=item.wait._replace(until=0.0))
        self._waiting.answer_empty(pilot)

    def forget_waiter(self, pilot: str, respond: Respond) -> None:
        """Remove a waiting claim whose client has disconnected."""
        self._waiting.forget_waiter(pilot, respond)

    def retry_waiting(self) -> None:
        """A task may have become claimable: retry the waiting claims in the next transaction."""
        self._waiting.request_retry()
        self._schedule_batch()

    def sweep_waiting(self) -> None:
        """Runs once a second: answer the claims that timed out and retry the others, because
        expired leases may have released tasks."""
        self._outage.measure_gap()
        self._waiting.answer_overdue()
        if len(self._waiting):
            self.retry_waiting()
        if self._outage.is_record_due() and self._pool.has_leases():
            self.submit(lambda: answer_error(200, ""), lambda answer: None)

    def drain(self) -> None:
        """The server shuts down: do the submitted work and answer the waiting claims with no
        work."""
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
        """Run these items in one transaction."""
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
            return _send_answers([(item.respond, self._answer_failed(item, error)) for item in queue])
        # a bug of the server: refuse this request and retry the others without it
        except Exception:
            return self._retry_without(batch.current, queue, tasks)
        self._finish_batch(batch, len(queue), tasks)

    def _answer_failed(self, item: "_Item", error: Busy) -> Answer:
        """The transaction of this item failed: a full disk can still be read. A file that is locked
        is not tried again for each item: each try would wait."""
        if item.reads and "locked" not in str(error):
            try:
                with self._pool.batch():
                    answer = _try_work(item.work)
                if answer is not None:
                    return answer
            except Busy as again:
                error = again
        return answer_error(503, str(error), "Retry-After: 2\r\n")

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
    reads: bool = False


class _Batch:
    """The results of one transaction so far."""

    def __init__(self) -> None:
        self.answers: List[Tuple[Respond, Answer]] = []
        self.waits: List[_Item] = []
        self.served: List[str] = []
        self.current: Optional[_Item] = None  # the item whose work currently runs

    def add_answer(self, item: _Item, answer: Optional[Answer]) -> None:
        """Store the answer of this work. None: the claim waits."""
        if answer is not None:
            self.answers.append((item.respond, answer))
        elif item.wait is not None:
            self.waits.append(item)

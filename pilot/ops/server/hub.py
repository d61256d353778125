"""Group commit: what came in one turn of the event loop is done in one transaction and answered
after its commit.

A claim that waits for work (long poll) is tried again whenever something may have become claimable;
each pilot has at most one, a newer request of the pilot's lets it come back at once.
"""

import asyncio
import logging
import time
import traceback
from typing import Callable, Dict, List, NamedTuple, Optional, Tuple

from pilot.pool.interface import Busy
from pilot.ops.server.store import Store
from pilot.ops.server.story import Story
from pilot.ops.server.wire import Answer, BadRequest, answer_error

Work = Callable[[], Optional[Answer]]  # None: not yet, for a claim that may wait
Respond = Callable[[Answer], None]
SWEEP_S = 1.0
GAP_S = 3.0  # so long without serving anybody, and agents could not renew their leases
# so often it is written down that somebody could be served, with what is written anyway
NOTE_EACH_S = 1.0
NOTE_S = 5.0  # while nobody asks, so often is written down that somebody could
WAITERS_AT_ONCE = 200
log = logging.getLogger("pilot.pool")


class Waiter(NamedTuple):
    """A claim that waits: what to try again, what to answer when the time is over."""

    work: Work
    respond: Respond
    until: float
    nothing: Answer


class CommitQueue:
    """`submit` work; its answer goes to `respond` once it is on disk. For the event loop's thread
    alone."""

    def __init__(self, loop: asyncio.AbstractEventLoop, pool: Store, story: Story) -> None:
        self._loop, self._pool, self._story = loop, pool, story
        self._queue: List[_Item] = []
        self._stories: List[_Item] = []
        self._waiters: Dict[str, Waiter] = {}
        self._scheduled = False
        self._stir = False
        self._to_try: List[str] = []  # pilots whose waiting claim is to be tried again
        self._served = time.monotonic()  # when tasks could last be served
        self._noted = 0.0  # when that was written down last
        self._failing, self._noting, self._gap_s = False, False, 0.0
        self.commits = self.operations = 0

    @property
    def waiting(self) -> int:
        """How many claims wait."""
        return len(self._waiters)

    def submit(self, work: Work, respond: Respond, story: bool = False) -> None:
        """To be done in the next transaction; what only tells stories in one of its own, so that
        tasks do not suffer when the stories' file does."""
        (self._stories if story else self._queue).append(_Item(work, respond, None))
        self._schedule_batch()

    def submit_waiting(
        self, work: Work, respond: Respond, pilot: str, wait_s: float, nothing: Answer
    ) -> None:
        """The same for a claim that may wait: `work` gives None when there is nothing, `nothing` is
        said in the end."""
        self.nudge(pilot)
        self._queue.append(_Item(work, respond, (pilot, time.monotonic() + wait_s, nothing)))
        self._schedule_batch()

    def nudge(self, pilot: str) -> None:
        """The waiting claim of this pilot comes back now, also one that is only about to wait."""
        for at, item in enumerate(self._queue):
            if item.wait is not None and item.wait[0] == pilot:
                self._queue[at] = item._replace(wait=(pilot, 0.0, item.wait[2]))
        waiter = self._waiters.pop(pilot, None)
        if waiter is not None:
            waiter.respond(waiter.nothing)

    def forget(self, pilot: str, respond: Respond) -> None:
        """Who waited has gone."""
        if pilot in self._waiters and self._waiters[pilot].respond is respond:
            del self._waiters[pilot]

    def stir(self) -> None:
        """Something may have become claimable: those that wait are asked again with the next
        transaction."""
        self._stir = True
        self._schedule_batch()

    def sweep(self) -> None:
        """Once a second: waits that are over; leases that ran out may give work to those that
        wait."""
        self._notice_gap()
        now = time.monotonic()
        for pilot in [pilot for pilot, waiter in self._waiters.items() if waiter.until <= now]:
            self.nudge(pilot)
        if self._waiters:
            self.stir()
        if now - self._noted > NOTE_S and not self._failing and self._pool.has_leases():
            self.submit(lambda: answer_error(200, ""), lambda answer: None)

    def _notice_gap(self) -> None:
        """A time in which nobody could be served (frozen, a full disk) does not count for
        leases."""
        now = time.monotonic()
        if self._failing or now - self._served > GAP_S:  # while it fails, all of it is one gap
            self._gap_s += now - self._served
        self._served = now

    def drain(self) -> None:
        """The server ends: what was asked is done, who waits is sent home."""
        for pilot in list(self._waiters):
            self.nudge(pilot)
        self.flush()

    def _schedule_batch(self) -> None:
        if not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self.flush)

    def flush(self) -> None:
        """Do now what has come."""
        self._scheduled = False
        stories, self._stories = self._stories, []
        if stories:
            self._run_batch(stories)
        queue, self._queue = self._queue, []
        if self._stir:
            self._stir, self._to_try = False, list(self._waiters)
        if not queue and not self._to_try:
            return
        self._run_batch(queue, True)

    def _run_batch(self, queue: "List[_Item]", tasks: bool = False) -> None:
        """One transaction."""
        done = _Done()
        if tasks:
            self._notice_gap()
        try:
            with (self._pool if tasks else self._story).batch():
                if tasks:
                    self._begin_batch()
                for item in queue:
                    done.culprit = item
                    done.note(item, self._try_work(item.work))
                done.culprit = None
                if tasks:
                    self._serve_waiters(done)
        except Busy as error:
            log.error("%s", error)
            self._failing = self._failing or tasks
            return self._tell_answers(
                [
                    (item.respond, answer_error(503, str(error), "Retry-After: 2\r\n"))
                    for item in queue
                ]
            )
        except Exception:  # a bug of ours: its request is refused, the others are done without it
            return self._retry_without(done.culprit, queue, tasks)
        self._settle_batch(done, len(queue), tasks)

    def _begin_batch(self) -> None:
        self._notice_gap()  # the file may have been waited for
        if self._gap_s:
            self._pool.extend_leases(self._gap_s)
        if self._gap_s or self._failing or time.monotonic() - self._noted > NOTE_EACH_S:
            self._pool.note_served()
            self._noting = True
        self._pool.expire()

    def _try_work(self, work: Work) -> Optional[Answer]:
        try:
            return work()
        except BadRequest as error:
            return answer_error(error.status, str(error))

    def _serve_waiters(self, done: "_Done") -> None:
        now, self._to_try = self._to_try[:WAITERS_AT_ONCE], self._to_try[WAITERS_AT_ONCE:]
        for pilot in now:
            waiter = self._waiters.get(pilot)
            if waiter is None:
                continue
            if not self._pool.claimable():
                self._to_try = []
                break
            answer = self._try_work(waiter.work)
            if answer is not None:
                done.answers.append((waiter.respond, answer))
                done.served.append(pilot)

    def _settle_batch(self, done: "_Done", count: int, tasks: bool) -> None:
        """The transaction is on disk: everybody hears of it."""
        if tasks:
            self._noted = time.monotonic() if self._noting else self._noted
            self._failing, self._noting, self._gap_s = False, False, 0.0
            self._notice_gap()  # the disk may have been waited for
        for pilot in done.served:
            del self._waiters[pilot]
        for item in done.waits:
            assert item.wait is not None
            pilot, until, nothing = item.wait
            if until <= time.monotonic():
                item.respond(nothing)
                continue
            self.nudge(pilot)
            self._waiters[pilot] = Waiter(item.work, item.respond, until, nothing)
        self.commits, self.operations = self.commits + 1, self.operations + count
        if self._stir or self._to_try:
            self._schedule_batch()
        self._tell_answers(done.answers)

    def _retry_without(self, culprit: Optional["_Item"], queue: "List[_Item]", tasks: bool) -> None:
        log.error(
            "a request could not be served, which is a bug:\n%s", traceback.format_exc().rstrip()
        )
        self._to_try = []
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

    def _tell_answers(self, answers: List[Tuple[Respond, Answer]]) -> None:
        for respond, answer in answers:
            respond(answer)


class _Item(NamedTuple):
    work: Work
    respond: Respond
    wait: Optional[Tuple[str, float, Answer]]


class _Done:
    """What one transaction has done so far."""

    def __init__(self) -> None:
        self.answers: List[Tuple[Respond, Answer]] = []
        self.waits: List[_Item] = []
        self.served: List[str] = []
        self.culprit: Optional[_Item] = None

    def note(self, item: _Item, answer: Optional[Answer]) -> None:
        """This work gave that answer, or none yet."""
        if answer is not None:
            self.answers.append((item.respond, answer))
        elif item.wait is not None:
            self.waits.append(item)

"""Requests to the pool. A file answers at once; a server gets its requests from threads, so that
the loop never waits for it.

There are two lanes, each with its own connection: turns (reports and claims, which may wait for
work) and renewals (with nudges), so that a waiting claim delays no renewal. A lane sends one
request after another.
"""

import collections
import os
import threading
from typing import Any, Callable, Deque, Dict, NamedTuple, Tuple

from pilot.agent.loop import Loop
from pilot.agent.timing import NUDGE_AGAIN_S
from pilot.pool.interface import Busy, Pool

EXCHANGE, RENEWAL = "turn", "care"
Question = Callable[[Pool], object]
Then = Callable[[Any], None]
Failed = Callable[[Busy], None]


class _Asked(NamedTuple):
    lane: str
    question: Question
    then: Then
    failed: Failed


class PoolQueries:
    """Runs `ask` in a lane; `then` gets the answer, `failed` the pool's Busy, both in the loop. Any
    other error ends the agent."""

    def __init__(self, loop: Loop, pool: Pool, another: Callable[[], Pool]) -> None:
        self._loop, self._pool, self._another = loop, pool, another
        self._lanes: Dict[str, "_Lane"] = {}
        self._under_way = {EXCHANGE: 0, RENEWAL: 0}
        self._turns = 0
        self._answers: Deque[Tuple[_Asked, Any, Any]] = collections.deque()
        if pool.remote:
            read, self._wake = os.pipe()
            for end in (read, self._wake):
                os.set_blocking(end, False)
            self._read = read
            loop.watch(read, self._deliver_answers)

    @property
    def remote(self) -> bool:
        """Whether the pool is a server."""
        return self._pool.remote

    def busy(self, lane: str) -> bool:
        """Whether a request of this lane has no answer yet."""
        return self._under_way[lane] > 0

    def ask(self, lane: str, question: Question, then: Then, failed: Failed) -> None:
        """Send a request. The answer of a file is there before this returns."""
        asked = _Asked(lane, question, then, failed)
        if not self._pool.remote:
            try:
                answer = question(self._pool)
            except Busy as error:
                return failed(error)
            return then(answer)
        if lane not in self._lanes:
            self._lanes[lane] = _Lane(
                self._pool if lane == EXCHANGE else self._another(), self._keep_answer
            )
        self._under_way[lane] += 1
        self._turns += lane == EXCHANGE
        self._lanes[lane].put(asked)

    def hurry(self, pilot: str) -> None:
        """Nudge the server to answer the current turn, in case it waits for work; repeated each
        second, because a nudge may get lost."""
        self._nudge_again(pilot, self._turns)

    def _nudge_again(self, pilot: str, turn: int) -> None:
        if self.busy(EXCHANGE) and turn == self._turns:
            if not self.busy(RENEWAL):
                self.ask(RENEWAL, lambda pool: pool.nudge(pilot), lambda _: None, lambda _: None)
            self._loop.after(NUDGE_AGAIN_S, lambda: self._nudge_again(pilot, turn))

    def _keep_answer(self, asked: _Asked, answer: Any, error: Any) -> None:
        """Run in the lane's thread."""
        self._answers.append((asked, answer, error))
        try:
            os.write(self._wake, b"x")
        except OSError:  # the pipe is full: the loop already has a wakeup to read
            pass

    def _deliver_answers(self) -> None:
        try:
            os.read(self._read, 4096)
        except BlockingIOError:
            pass
        while self._answers:
            asked, answer, error = self._answers.popleft()
            self._under_way[asked.lane] -= 1
            if error is None:
                asked.then(answer)
            elif isinstance(error, Busy):
                asked.failed(error)
            else:
                raise error


class _Lane:
    """A thread that sends one request after another."""

    def __init__(self, pool: Pool, answered: Callable[[_Asked, Any, Any], None]) -> None:
        self._pool, self._told = pool, answered
        self._waiting: Deque[_Asked] = collections.deque()
        self._there = threading.Semaphore(0)
        threading.Thread(target=self._serve_lane, daemon=True).start()

    def put(self, asked: _Asked) -> None:
        """Queue a request; it starts after the answers to those before it."""
        self._waiting.append(asked)
        self._there.release()

    def _serve_lane(self) -> None:
        while True:
            self._there.acquire()
            asked = self._waiting.popleft()
            try:
                answer, error = asked.question(self._pool), None  # type: Any, Any
            except Exception as problem:  # the loop's thread handles the error
                answer, error = None, problem
            self._told(asked, answer, error)

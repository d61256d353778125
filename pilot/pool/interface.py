"""The interface of every pool, whatever stores the tasks; the values that go in and out."""

import json
from typing import Any, Dict, Iterable, List, NamedTuple, Optional, Sequence, Set, Tuple

from pilot.pool.spec_text import read_text
from pilot.events.endings import AttemptOutcome, TaskState

STATES = tuple(state.value for state in TaskState)
STALE = "stale"  # in place of a state: this pilot no longer had the lease


class StaleLease(Exception):
    """This pilot no longer has the lease (task id, generation): end the payload, drop its
    result."""


class Busy(Exception):
    """The pool cannot be reached or written now; a later request may succeed."""


class Denied(Busy):
    """The pool refuses our token. An operator may mend the token while a pilot works, so the agent
    does not end at once."""


class Offer(NamedTuple):
    """What an agent offers to a task: a task matches when it needs no more. None: no limit
    known."""

    cores: int = 1
    memory_mb: Optional[int] = None
    gpus: int = 0
    time_left_s: Optional[float] = None
    tags: Tuple[str, ...] = ()
    containers: bool = False
    unbounded: bool = True  # also match tasks that do not say how long they take


class Backlog(NamedTuple):
    """The answer to an agent without work: the number of todo tasks, how many of them wait for
    another attempt, and the seconds until the agent may claim the first of these that fits it
    (None: no waiting task fits)."""

    todo: int
    waiting: int
    retry_s: Optional[float]


class Need(NamedTuple):
    """Tasks that need the same (0 or empty: they do not say): how many are claimable, wait for
    another attempt, and are locked."""

    cores: int
    memory_mb: int
    gpus: int
    walltime_s: float
    tags: Tuple[str, ...]
    container: bool
    todo: int
    waiting: int
    locked: int


class Demand(NamedTuple):
    """What a factory needs to know of a pool: the needs of its tasks that are not over, and the
    cores that each pilot's locked tasks need (None: the store does not know them)."""

    needs: List[Need]
    holders: Optional[Dict[str, int]]


class Lease(NamedTuple):
    """A claim on a task: valid for `seconds` from its request, fenced by `generation`."""

    task: str
    generation: int
    attempt: int
    seconds: float
    spec: Dict[str, Any]


class Grant(NamedTuple):
    """A lease whose spec is still the JSON text that the store holds."""

    task: str
    generation: int
    attempt: int
    seconds: float
    spec: str

    def read_lease(self) -> Lease:
        """The lease, with its spec read."""
        return Lease(self.task, self.generation, self.attempt, self.seconds, json.loads(self.spec))


OUTCOMES = (
    AttemptOutcome.DONE,
    AttemptOutcome.ERROR,
    AttemptOutcome.RELEASED,
    AttemptOutcome.RETURNED,
    AttemptOutcome.LOST,
)


class Final(NamedTuple):
    """The end of one attempt; the pool stores `result` with it. The outcome is "done", "error",
    "released" (given back unfinished: the attempt is refunded, at most max_releases times),
    "returned" (given back before it started: refunded) or "lost" (the pilot no longer had the
    lease, and its payload has ended: no other pilot needs to wait for it)."""

    task: str
    generation: int
    outcome: str
    reason: str
    result: Dict[str, object]


class Pool:
    """One interface for every store. Each method raises Busy when the store cannot be reached.

    `remote` says that a call may take long and needs its own thread (and each thread its own
    object).
    """

    remote = False

    def add(self, specs: Iterable[Dict[str, object]]) -> Tuple[int, int]:
        """Add checked tasks; a task whose id exists already is left unchanged. Returns (added,
        known before)."""
        raise NotImplementedError

    def add_texts(self, texts: Iterable[str]) -> Tuple[int, int]:
        """The same as `add` for the JSON texts of checked tasks."""
        return self.add(read_text(text) for text in texts)

    def claim(
        self, pilot: str, offer: Offer, count: int, lease_s: float, request_id: str
    ) -> List[Lease]:
        """Up to `count` tasks, each of which fits the offer: highest priority, then oldest. A
        request id is "LIFE:NUMBER": a repeated id gets the same answer; an id with a lower number
        of the same life (a delayed request) gets nothing."""
        raise NotImplementedError

    def next(self, finals: Iterable[Final], pilot: str, offer: Offer, count: int, lease_s: float,
             request_id: str, wait_s: float = 0.0, begun: Iterable[Tuple[str, int]] = ()
             ) -> Tuple[Dict[Tuple[str, int], str], List[Lease]]:
        """`finish` and `claim` in one transaction. The first value maps (task, generation) to the
        task's new state, or "stale". With `wait_s` a store that supports it waits so long for a
        task that fits, at most half the lease. `begun` confirms leases whose payloads have started:
        an attempt that was never confirmed costs the task nothing."""
        raise NotImplementedError

    def nudge(self, pilot: str) -> None:
        """Let a waiting claim of this pilot return at once."""

    def take_back(self) -> None:
        """End every lease now: for a pool whose only user restarts."""

    def finish(self, final: Final, pilot: str) -> str:
        """Record the end of an attempt; returns the task's new state. Repeating the call is safe.
        Raises StaleLease."""
        raise NotImplementedError

    def renew(
        self, pilot: str, leases: Iterable[Tuple[str, int]], lease_s: float
    ) -> List[Tuple[str, int]]:
        """Renew all leases in one request; returns those that are stale."""
        raise NotImplementedError

    def release(self, task: str, generation: int, pilot: str, reason: str) -> None:
        """Give a task back unfinished; the attempt is refunded. Raises StaleLease."""
        raise NotImplementedError

    def backlog(self, offer: Offer) -> Backlog:
        """Why the pool has no work for this offer now."""
        raise NotImplementedError

    def demand(self) -> Demand:
        """What the tasks need that are not over, and who holds leases."""
        raise NotImplementedError

    def status(self) -> Dict[str, int]:
        """How many tasks are in each of STATES."""
        raise NotImplementedError

    def show(self, task: str) -> Optional[Dict[str, object]]:
        """A task with its state and attempts, or None."""
        raise NotImplementedError

    def retry(self, tasks: Optional[Iterable[str]]) -> int:
        """Send tasks in error or held (None: all in error) back to todo with fresh attempts; their
        history stays."""
        raise NotImplementedError

    def cancel(self, tasks: Iterable[str]) -> int:
        """Hold tasks that are not over, so that no pilot gets them; the lease of a running one
        becomes stale."""
        raise NotImplementedError

    def purge(self, state: str, older_than_s: float, most: int) -> int:
        """Delete tasks in this state (done, error, held) that have not changed for so long, at most
        so many; returns how many."""
        raise NotImplementedError

    def export(self, state: Optional[str] = None) -> Iterable[Dict[str, object]]:
        """Every task (of a state) in the form of `show`, oldest first."""
        raise NotImplementedError

    def restore(self, tasks: Iterable[Dict[str, object]]) -> Tuple[int, int]:
        """Import tasks in the form of `export`, with state and attempts; a locked task becomes
        todo. Tasks whose id exists already are left unchanged. Returns (added, known before)."""
        raise NotImplementedError

    def pending(self) -> Tuple[int, Optional[float]]:
        """The number of tasks that are todo or locked, and the seconds until the next one may
        become claimable (None: unknown)."""
        raise NotImplementedError

    def heard(self, pilots: Sequence[str], seconds: float) -> Set[str]:
        """Those of the pilots that have not ended and sent an event within so many seconds; none
        where the store has no events."""
        return set()

    def start_token(self, prefix: str, pilots: int, seconds: float) -> str:
        """A token that so many pilots whose ids begin with the prefix exchange at their start for
        their own; "" where the store needs none."""
        return ""

    def patience(self, seconds: float) -> None:
        """Set the time limit on an answer, where the store has one."""

    def close(self) -> None:
        """Close the store."""
        raise NotImplementedError

    def __enter__(self) -> "Pool":
        return self

    def __exit__(self, *how: object) -> None:
        self.close()

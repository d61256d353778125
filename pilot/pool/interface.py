"""What a pool promises, whatever keeps it; the values that go in and out."""

from typing import Any, Dict, Iterable, List, NamedTuple, Optional, Tuple

from pilot.events.endings import AttemptOutcome, TaskState

STATES = tuple(state.value for state in TaskState)
STALE = "stale"  # in place of a state: the lease was not this pilot's any more


class StaleLease(Exception):
    """The lease (task id, generation) is not this pilot's any more: end the payload, drop its
    result."""


class Busy(Exception):
    """The pool cannot be reached or written now; asking again later may help."""


class Denied(Busy):
    """The pool does not take our token, now: for a pilot at work it may be mended, so it is no end
    in itself."""


class Offer(NamedTuple):
    """What an agent has to give: a task is matched when it needs no more. None: no limit known."""

    cores: int = 1
    memory_mb: Optional[int] = None
    gpus: int = 0
    time_left_s: Optional[float] = None
    tags: Tuple[str, ...] = ()
    containers: bool = False
    unbounded: bool = True  # tasks that do not say how long they take, too


class Backlog(NamedTuple):
    """What an agent without work asks: tasks that are todo, those of them that wait for another
    attempt, and the seconds until the first of these that fits the agent may be claimed (None:
    there is none that fits)."""

    todo: int
    waiting: int
    retry_s: Optional[float]


class Lease(NamedTuple):
    """A claim on a task: `seconds` from when it was asked for, fenced by `generation`."""

    task: str
    generation: int
    attempt: int
    seconds: float
    spec: Dict[str, Any]


OUTCOMES = (
    AttemptOutcome.DONE,
    AttemptOutcome.ERROR,
    AttemptOutcome.RELEASED,
    AttemptOutcome.RETURNED,
    AttemptOutcome.LOST,
)


class Final(NamedTuple):
    """The end of one attempt; `result` is kept with it. The outcome is "done", "error", "released"
    (given back unfinished: the attempt is refunded, at most max_releases times), "returned" (given
    back before it was begun: refunded) or "lost" (the lease was not ours any more, and what ran
    under it has ended: nobody need wait for it)."""

    task: str
    generation: int
    outcome: str
    reason: str
    result: Dict[str, object]


class Pool:
    """One interface for every store. Each method raises Busy when the store cannot be reached.

    `remote` tells that a call may take long and wants a thread of its own (for each thread another
    object).
    """

    remote = False

    def add(self, specs: Iterable[Dict[str, object]]) -> Tuple[int, int]:
        """Add checked tasks; one whose id is there already is left as it is. Returns (added, known
        before)."""
        raise NotImplementedError

    def claim(
        self, pilot: str, offer: Offer, count: int, lease_s: float, request_id: str
    ) -> List[Lease]:
        """Up to `count` tasks that fit one by one: highest priority, then oldest. A request id is
        "LIFE:NUMBER": the same again gets the same answer, one with a lower number of the same life
        (it was long under way) gets nothing."""
        raise NotImplementedError

    def next(self, finals: Iterable[Final], pilot: str, offer: Offer, count: int, lease_s: float,
             request_id: str, wait_s: float = 0.0, begun: Iterable[Tuple[str, int]] = ()
             ) -> Tuple[Dict[Tuple[str, int], str], List[Lease]]:
        """`finish` and `claim` in one transaction. The first value maps (task, generation) to the
        task's new state, or "stale". With `wait_s` a store that can waits so long for a task that
        fits, at most half the lease. `begun` confirms leases whose payloads were started: an
        attempt that was never confirmed costs the task nothing."""
        raise NotImplementedError

    def nudge(self, pilot: str) -> None:
        """Let a claim of this pilot that waits come back at once."""

    def take_back(self) -> None:
        """Every lease ends now: for a pool whose only user begins anew."""

    def finish(self, final: Final, pilot: str) -> str:
        """Record an attempt's end; returns the task's new state. Repeating it is fine. Raises
        StaleLease."""
        raise NotImplementedError

    def renew(
        self, pilot: str, leases: Iterable[Tuple[str, int]], lease_s: float
    ) -> List[Tuple[str, int]]:
        """Prolong all leases in one go; returns those that are stale."""
        raise NotImplementedError

    def release(self, task: str, generation: int, pilot: str, reason: str) -> None:
        """Give a task back unfinished; the attempt is refunded. Raises StaleLease."""
        raise NotImplementedError

    def backlog(self, offer: Offer) -> Backlog:
        """Why there is no work for this offer now."""
        raise NotImplementedError

    def status(self) -> Dict[str, int]:
        """How many tasks are in each of STATES."""
        raise NotImplementedError

    def show(self, task: str) -> Optional[Dict[str, object]]:
        """A task with its state and attempts, or None."""
        raise NotImplementedError

    def retry(self, tasks: Optional[Iterable[str]]) -> int:
        """Send tasks in error or held (None: all in error) back to todo with fresh attempts,
        history kept."""
        raise NotImplementedError

    def cancel(self, tasks: Iterable[str]) -> int:
        """Take tasks that are not over out of circulation (held); a running one's lease becomes
        stale."""
        raise NotImplementedError

    def purge(self, state: str, older_than_s: float, most: int) -> int:
        """Forget tasks in this state (done, error, held) of which nothing has changed for so long,
        at most so many; returns how many."""
        raise NotImplementedError

    def export(self, state: Optional[str] = None) -> Iterable[Dict[str, object]]:
        """Every task (of a state) as `show` gives it, oldest first."""
        raise NotImplementedError

    def restore(self, tasks: Iterable[Dict[str, object]]) -> Tuple[int, int]:
        """Take in tasks as `export` gave them, with state and attempts; one that was locked is todo
        again. Those whose id is there already are left as they are. Returns (added, known
        before)."""
        raise NotImplementedError

    def pending(self) -> Tuple[int, Optional[float]]:
        """Tasks that are todo or locked, and the seconds until the next one may be claimable (None:
        unknown)."""
        raise NotImplementedError

    def patience(self, seconds: float) -> None:
        """Wait no longer than this for an answer, where that can be chosen."""

    def close(self) -> None:
        """Let go of the store."""
        raise NotImplementedError

    def __enter__(self) -> "Pool":
        return self

    def __exit__(self, *how: object) -> None:
        self.close()

"""The ends of attempts that the pool does not know yet: the agent reports them to the pool and
emits them as events."""

import os
from typing import Callable, Dict, List, Tuple

from pilot.agent.leases import Key
from pilot.agent.payload_context import AttemptEnd
from pilot.events import event as events
from pilot.events.endings import AttemptOutcome
from pilot.pool.interface import STALE, Final, Lease

MAX_REASON = 2000


class Ledger:
    """Holds ends until the pool knows them; calls `settled` with each lease that is settled."""

    def __init__(self, tell: Callable[..., None], settled: Callable[[Lease], None]) -> None:
        self._tell, self._told = tell, settled
        self._ends: List[Tuple[Lease, AttemptEnd]] = []
        self._host = os.uname().nodename

    def __len__(self) -> int:
        return len(self._ends)

    def add(self, lease: Lease, end: AttemptEnd) -> None:
        """Add the end of an attempt."""
        self._ends.append((lease, end))

    def finals(self) -> List[Final]:
        """The ends to report to the pool."""
        return [
            Final(
                lease.task,
                lease.generation,
                end.outcome,
                end.reason[:MAX_REASON],
                dict(end.result, host=self._host),
            )
            for lease, end in self._ends
        ]

    def settle(self, states: Dict[Key, str]) -> None:
        """Settle the finals that the pool accepted: each task's new state, or "stale"."""
        for lease, end in list(self._ends):
            state = states.get((lease.task, lease.generation))
            if state is not None:
                self._close_lease(lease, end, _outcome_told(end.outcome, state))

    def _close_lease(self, lease: Lease, end: AttemptEnd, outcome: str) -> None:
        self._ends.remove((lease, end))
        self._told(lease)
        result: Dict[str, object] = end.result
        self._tell(
            events.TASK_FINISHED,
            task=lease.task,
            generation=lease.generation,
            outcome=outcome,
            reason=end.reason,
            seconds=round(end.seconds, 3),
            cpu_s=result.get("cpu_s"),
            max_rss_mb=result.get("max_rss_mb"),
            cores=lease.spec.get("cores", 1),
            folder=result.get("folder"),
        )


def _outcome_told(ended: str, state: str) -> str:
    """The outcome to emit for an attempt that ended with `outcome` when the pool says that the task
    is in this state now."""
    if ended == AttemptOutcome.LOST or state == STALE:
        return AttemptOutcome.LOST
    if ended in (AttemptOutcome.RELEASED, AttemptOutcome.RETURNED):
        return ended
    if ended == state:  # done and done, error and error
        return ended
    return AttemptOutcome.RETRIED if ended == AttemptOutcome.ERROR else ended

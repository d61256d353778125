"""The ends of attempts that the pool has not been told yet: reported, given back, and told as
events."""

import os
from typing import Any, Callable, Dict, List, Tuple

from pilot.agent.leases import Key
from pilot.agent.surroundings import Ending
from pilot.pool.interface import Final, Lease

LOST = "lost"
# (how it ended, what the task is now); an error else: retried
_OUTCOMES = {("done", "done"): "done", ("error", "error"): "error"}
MAX_REASON = 2000


class Ledger:
    """Holds endings until the pool knows them; `told` is called with each lease that is settled."""

    def __init__(self, tell: Callable[..., None], told: Callable[[Lease], None]) -> None:
        self._tell, self._told = tell, told
        self._endings: List[Tuple[Lease, Ending]] = []
        self._host = os.uname().nodename

    def __len__(self) -> int:
        return len(self._endings)

    def add(self, lease: Lease, ending: Ending) -> None:
        """An attempt is over."""
        self._endings.append((lease, ending))

    def finals(self) -> List[Final]:
        """What the pool is to be told."""
        return [
            Final(
                lease.task,
                lease.generation,
                ending.outcome,
                ending.reason[:MAX_REASON],
                dict(ending.result, host=self._host),
            )
            for lease, ending in self._endings
        ]

    def settle(self, states: Dict[Key, str]) -> None:
        """The pool has taken these finals: each task's new state, or "stale"."""
        for lease, ending in list(self._endings):
            state = states.get((lease.task, lease.generation))
            if state is not None:
                self._close_lease(lease, ending, _outcome_told(ending.outcome, state))

    def _close_lease(self, lease: Lease, ending: Ending, outcome: str) -> None:
        self._endings.remove((lease, ending))
        self._told(lease)
        result: Dict[str, Any] = ending.result
        self._tell(
            "task finished",
            task=lease.task,
            generation=lease.generation,
            outcome=outcome,
            reason=ending.reason,
            seconds=round(ending.seconds, 3),
            cpu_s=result.get("cpu_s"),
            max_rss_mb=result.get("max_rss_mb"),
            cores=lease.spec.get("cores", 1),
            folder=result.get("folder"),
        )


def _outcome_told(ended: str, state: str) -> str:
    """How an attempt that ended so is told, when the pool says that the task is in this state
    now."""
    if ended == LOST or state == "stale":
        return LOST
    if ended in ("released", "returned"):
        return ended
    return _OUTCOMES.get((ended, state), "retried" if ended == "error" else ended)

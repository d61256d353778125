"""The pool's reasons for a lost lease or for missing work."""

import logging
from typing import Dict, List

from pilot.agent.leases import Key
from pilot.pool.interface import Backlog, Busy, Pool
from pilot.events.endings import TaskState

NOT_RENEWED = "the lease could not be renewed in time"
log = logging.getLogger("pilot.agent")


def why_no_work(backlog: Backlog) -> str:
    """Why this agent gets no more work: no task is left, no task fits, or tasks wait for a
    retry."""
    if not backlog.todo:
        return "no task is left"
    cannot = backlog.todo - backlog.waiting
    reasons = []
    if cannot:
        reasons.append("tasks left that cannot run here: %d" % cannot)
    if backlog.waiting:
        first = (
            "" if backlog.retry_s is None else ", the first that fits for %.0f s" % backlog.retry_s
        )
        reasons.append("tasks left that wait for another attempt: %d%s" % (backlog.waiting, first))
    return "; ".join(reasons)


def warn_of_misfits(backlog: Backlog) -> None:
    """Log that tasks are left that this slot cannot run."""
    cannot = backlog.todo - backlog.waiting
    if cannot:
        log.warning(
            "tasks left that this slot cannot run: %d; they need more cores, memory, GPUs, time (--min-task-s"
            " without walltime_s), other tags or a container",
            cannot,
        )


def renew_leases(pool: Pool, pilot: str, keys: List[Key], lease_s: float) -> Dict[Key, str]:
    """Renew these leases; returns those that the agent no longer holds, and why. Raises Busy."""
    return {key: why_lost(pool, key) for key in pool.renew(pilot, keys, lease_s)}


def why_lost(pool: Pool, key: Key) -> str:
    """Why the agent no longer holds a lease, as far as the pool reports it."""
    try:
        task = pool.show(key[0]) or {}
    except Busy:
        task = {}
    if task.get("generation") == key[1] and task.get("state") == TaskState.LOCKED:
        return NOT_RENEWED
    reason = task.get("reason") or "another pilot has it now"
    return "the lease was lost: the task is %s, %s" % (task.get("state", "gone"), reason)

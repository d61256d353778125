"""What the pool says when an agent asks why: a lease that was lost, work that does not come."""

import logging
from typing import Dict, List

from pilot.agent.leases import Key
from pilot.pool.interface import Busy, Pool

NOT_RENEWED = "the lease could not be renewed in time"
log = logging.getLogger("pilot.agent")


def what_is_left(pool: Pool) -> str:
    """Why there is no more work here: none left, or none that fits."""
    try:
        todo = pool.status()["todo"]
    except Busy:
        todo = 0
    if not todo:
        return "no task is left"
    log.warning("tasks left that this slot cannot run: %d; they need more cores, memory, GPUs, time, other tags or a "
                "container, or wait for another try", todo)
    return "tasks left that cannot run here: %d" % todo


def renewed(pool: Pool, pilot: str, keys: List[Key], lease_s: float) -> Dict[Key, str]:
    """Prolong these leases; returns those that are not ours any more, and why. Raises Busy."""
    return {key: why_lost(pool, key) for key in pool.renew(pilot, keys, lease_s)}


def why_lost(pool: Pool, key: Key) -> str:
    """Why a lease is not ours any more, as far as the pool tells."""
    try:
        told = pool.show(key[0]) or {}
    except Busy:
        told = {}
    if told.get("generation") == key[1] and told.get("state") == "locked":
        return NOT_RENEWED
    reason = told.get("reason") or "another pilot has it now"
    return "the lease was lost: the task is %s, %s" % (told.get("state", "gone"), reason)

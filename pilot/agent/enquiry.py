"""What the pool says when an agent asks why: a lease that was lost, work that does not come."""

import logging

from pilot.agent.leases import Key
from pilot.pool.interface import Busy, Pool

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


def why_lost(pool: Pool, key: Key) -> str:
    """Why a lease is not ours any more, as far as the pool tells."""
    try:
        told = pool.show(key[0]) or {}
    except Busy:
        told = {}
    if told.get("generation") == key[1] and told.get("state") == "locked":
        return "the lease could not be renewed in time"
    reason = told.get("reason") or "another pilot has it now"
    return "the lease was lost: the task is %s, %s" % (told.get("state", "gone"), reason)

"""How long the agent waits for what, in seconds, and what it says when it ends."""

from typing import NamedTuple, Optional

from pilot.base.shared_defaults import STOP_REPORT_S
from pilot.events.endings import Word

RETRY_S = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0)  # waits when the pool is busy; the last one repeats
GIVE_UP_S = 120.0  # a pool that does not answer for so long, with nothing running, ends the agent
POLL_S = (0.5, 1.0, 2.0, 5.0, 10.0)  # waits when there is nothing to claim
# how long after its last payload an agent waits for a task that is to be tried again
RETRY_PATIENCE_S = 60.0
NUDGE_AGAIN_S = 1.0
WAIT_S = 15.0  # how long a claim may wait at a server for work
LOOK_S = 1.0  # between two looks at the slot's end and at the drain files
MARGIN_S = 2.0  # after a payload's grace: what the last reports may take
# while payloads take less than this, the next task is claimed before the slot is free
SHORT_S = 0.5
# while they take less than this, several are claimed at once, and their ends told together
BRISK_S = 0.02
BRISK_COUNT = 3
AHEAD_SLOTS = 8  # agents with more slots claim nothing ahead
AHEAD_S = 1.0  # a task claimed ahead is given back when its payload cannot start so soon
SWEEP_S = 0.2  # after a payload's end: what it left behind is reparented to us by then


class EndKind(Word):
    """Why an agent ends."""

    WORK = "work"  # there is none left
    DRAIN = "drain"
    TIME = "time"
    SIGNAL = "signal"
    PILOT = "pilot"  # the pilot is gone
    POOL = "pool"  # it does not answer
    NODE = "node"  # it cannot run payloads


class AgentEnd(NamedTuple):
    """Why the agent ends, and in words."""

    kind: EndKind
    reason: str
    cut: bool = False  # payloads were ended that would have gone on


def claim_count(last_s: float, slots: int, max_tasks: Optional[int], claimed: int) -> int:
    """How many tasks to claim at once: one; several, which wait ahead, where a payload is over
    before the next is claimed."""
    if last_s > BRISK_S or slots > AHEAD_SLOTS:
        return 1
    return BRISK_COUNT if max_tasks is None else max(1, min(BRISK_COUNT, max_tasks - claimed))


def report_delay_s(last_s: float, ahead: int) -> float:
    """How long the end of a payload waits to be told with the next: not at all unless there is
    nothing to claim beside it, as tasks wait ahead, and payloads are so short that the next end
    comes within that time."""
    return BRISK_S if ahead and last_s <= BRISK_S else 0.0


def patience_s(left_s: Optional[float]) -> float:
    """How long an unreachable pool is asked again while nothing runs: what has ended shall be told,
    in time."""
    return GIVE_UP_S if left_s is None else max(STOP_REPORT_S, min(GIVE_UP_S, left_s))

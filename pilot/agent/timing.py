"""How long the agent waits in each case, in seconds, and the reasons for its end."""

from typing import NamedTuple, Optional

from pilot.base.shared_defaults import STOP_REPORT_S
from pilot.events.endings import Word

# delays of retries when the pool is busy; the last one repeats
RETRY_S = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
GIVE_UP_S = 120.0  # the agent ends after so long without an answer of the pool, when nothing runs
POLL_S = (0.5, 1.0, 2.0, 5.0, 10.0)  # delays between claims that get nothing
# how long after its last payload an agent waits for a task's retry
RETRY_PATIENCE_S = 60.0
NUDGE_AGAIN_S = 1.0
WAIT_S = 15.0  # how long a claim may wait at a server for work
LOOK_S = 1.0  # interval of checks of the slot's end and of the drain files
MARGIN_S = 2.0  # time for the last reports, after a payload's grace
# for payloads shorter than this, the agent claims the next task before the slot is free
SHORT_S = 0.5
# for payloads shorter than this, one request claims several tasks and reports several ends
BRISK_S = 0.02
BRISK_COUNT, MOST_BRISK = 3, 10
AHEAD_SLOTS = 8  # agents with more slots claim nothing ahead
# the agent gives a task claimed ahead back when its payload cannot start in this time
AHEAD_S = 1.0
SWEEP_S = 0.2  # after a payload's end: the kernel has reparented its orphans to the agent by then


class EndKind(Word):
    """Why an agent ends."""

    WORK = "work"  # the pool has no task left
    DRAIN = "drain"
    TIME = "time"
    SIGNAL = "signal"
    PILOT = "pilot"  # the pilot died
    POOL = "pool"  # the pool does not answer
    NODE = "node"  # the agent cannot run payloads


class AgentEnd(NamedTuple):
    """Why the agent ends, and the reason in words."""

    kind: EndKind
    reason: str
    cut: bool = False  # the agent stopped payloads before they were done


def claim_count(last_s: float, slots: int, max_tasks: Optional[int], claimed: int) -> int:
    """How many tasks to claim in one request: one; several, which wait ahead, where a payload ends
    before the next claim is answered: as many as end within BRISK_S."""
    if last_s > BRISK_S or slots > AHEAD_SLOTS:
        return 1
    count = max(BRISK_COUNT, min(MOST_BRISK, int(BRISK_S / max(last_s, 1e-6))))
    return count if max_tasks is None else max(1, min(count, max_tasks - claimed))


def report_delay_s(last_s: float, ahead: int) -> float:
    """How long the agent delays the report of a payload's end, to send it with the next one. Zero
    unless the agent has nothing to claim with it, because tasks wait ahead, and payloads are so
    short that the next end comes within that time."""
    return BRISK_S if ahead and last_s <= BRISK_S else 0.0


def patience_s(left_s: Optional[float]) -> float:
    """How long the agent retries an unreachable pool while nothing runs: it reports the ends within
    that time, or never."""
    return GIVE_UP_S if left_s is None else max(STOP_REPORT_S, min(GIVE_UP_S, left_s))

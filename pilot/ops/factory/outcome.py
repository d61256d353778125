"""Whose fault a pilot's end was: by its exit code, the time that it ran and the tasks that it did.
Pure functions."""

import re
from typing import Dict, List, NamedTuple, Sequence

from pilot.ops.factory.book import Pilot
from pilot.ops.factory.jobs import JobState

QUICK_S = 120.0
NODES = 2  # quick ends on so many nodes: the site itself is at fault
AVOID_S = 6 * 3600.0
# no failure of the pilot or its site
_EXCUSED = (JobState.PREEMPTED, JobState.CANCELLED, JobState.REQUEUED)


class Verdict(NamedTuple):
    """What the last ends say of a site: the nodes to avoid, and why it is in quarantine or stopped
    ("" if it is not); `server_away`: pilots could not reach the pool."""

    avoid: List[str]
    quarantine: str = ""
    stopped: str = ""
    server_away: bool = False


def is_quick_end(pilot: Pilot) -> bool:
    """Whether a pilot ended within 120 s of its start without a task, and by a fault."""
    if pilot.ended is None or pilot.exit_code in (0, 2, 50, 60) or pilot.done:
        return False
    if JobState(pilot.state) in _EXCUSED:
        return False
    if pilot.started is None:  # it started and ended between two looks
        return pilot.exit_code is not None
    return pilot.ended - pilot.started <= QUICK_S


def is_bad_end(pilot: Pilot) -> bool:
    """Whether an ended pilot failed; one that the batch system or an operator ended did not."""
    return pilot.exit_code not in (0, 60) and JobState(pilot.state) not in _EXCUSED


class Failure(NamedTuple):
    """Pilots that ended badly in the same way."""

    reason: str
    pilots: int
    example: str  # the id of the last one


def count_failures(ended: Sequence[Pilot], most: int) -> List[Failure]:
    """The most frequent reasons of bad ends, the most frequent first; `ended` has the last first."""
    found: Dict[str, Failure] = {}
    for pilot in ended:
        if not is_bad_end(pilot):
            continue
        reason = "%s: %s" % (
            pilot.state if pilot.exit_code is None else "exit code %d" % pilot.exit_code,
            pilot.reason or "it left no report",
        )
        # numbers differ from pilot to pilot
        key = re.sub("[0-9]+", "0", reason)
        before = found.get(key) or Failure(reason, 0, pilot.pilot)
        found[key] = before._replace(pilots=before.pilots + 1)
    return sorted(found.values(), key=lambda one: -one.pilots)[:most]


def judge_site(
    ended: Sequence[Pilot], live: Sequence[Pilot], per_node: int, now_s: float
) -> Verdict:
    """Judge the ends of the last hours, the last first, and the live pilots at this time of the boot
    clock."""
    quick: Dict[str, int] = {}
    streak: List[Pilot] = []
    for pilot in ended:
        if is_quick_end(pilot):
            quick[pilot.node] = quick.get(pilot.node, 0) + 1
    for pilot in ended:  # since the last pilot that ended well
        if pilot.exit_code in (0, 60) or pilot.done:
            break
        if is_quick_end(pilot) or pilot.exit_code in (1, 2, 50):
            streak.append(pilot)
    avoid = sorted(node for node, count in quick.items() if node and count >= per_node)
    healthy = any(_is_healthy(pilot, quick, now_s) for pilot in live)
    quarantine = "" if healthy else _quarantine(streak, per_node)
    return Verdict(avoid, quarantine, _stopped(streak), _is_away(streak))


def _is_healthy(pilot: Pilot, quick: Dict[str, int], now_s: float) -> bool:
    """Whether a live pilot shows that the site works: it has run for a while on a node that fails
    no others."""
    return (
        pilot.started_s is not None
        and now_s - pilot.started_s > QUICK_S
        and pilot.node not in quick
    )


def _quarantine(streak: Sequence[Pilot], per_node: int) -> str:
    """Why the site itself seems to fail: several nodes do, or one still does after it was left
    out, because it is the only one or the batch system leaves none out."""
    quick = [pilot for pilot in streak if is_quick_end(pilot)]
    nodes = {pilot.node for pilot in quick}
    if len(nodes) < NODES and len(quick) < 2 * per_node:
        return ""
    return "%d pilots ended within %.0f s on %d node%s, the last with exit code %s" % (
        len(quick), QUICK_S, len(nodes), "" if len(nodes) == 1 else "s", quick[0].exit_code,
    )


def _stopped(streak: Sequence[Pilot]) -> str:
    wrong = [pilot for pilot in streak if pilot.exit_code in (1, 2)]
    if not wrong:
        return ""
    return "pilot %s ended with exit code %s: %s" % (
        wrong[0].pilot, wrong[0].exit_code, wrong[0].reason or "see its output",
    )


def _is_away(streak: Sequence[Pilot]) -> bool:
    return bool(streak) and streak[0].exit_code == 50

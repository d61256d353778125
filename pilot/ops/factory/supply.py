"""What the batch system's answers mean for the pilots in the book. Pure functions.

A job is gone when the batch system says how it ended, or when it is missing from two good answers
and its pilot does not work either: a failed, empty or halved answer is no answer.
"""

from typing import Dict, Iterable, List, NamedTuple, Optional, Sequence, Tuple

from pilot.ops.factory.book import Pilot, new_pilot
from pilot.ops.factory.jobs import LIVE, RUNNING, STUCK, WAITING, JobList, Job, JobState

APART_S = 30.0  # time between the two answers that a job is missing from
CANCELLED = "cancelled by an operator"  # the reason of a pilot for which we asked that
HALF_OF = 5  # an answer that lacks half of so many jobs, or of more, is not believed at once
BELIEVED_S = 300.0  # a halved answer that does not change is believed after this time


class Counts(NamedTuple):
    """The live pilots of a site."""

    pending: int = 0
    held: int = 0  # suspended ones too
    running: int = 0

    @property
    def total(self) -> int:
        """All of them."""
        return self.pending + self.held + self.running


def count_pilots(pilots: Iterable[Pilot]) -> Counts:
    """Count live pilots."""
    states = [JobState(pilot.state) for pilot in pilots]
    return Counts(
        sum(state in WAITING for state in states),
        sum(state in STUCK for state in states),
        sum(state in RUNNING for state in states),
    )


def find_doubt(live: Sequence[Pilot], answer: JobList) -> str:
    """A sentence if this answer lacks at once half of the jobs that the book has as live, or
    more."""
    shown = answer.by_pilot()
    live = [pilot for pilot in live if pilot.reason != CANCELLED]
    missing = [pilot for pilot in live if pilot.pilot not in shown and pilot.missing_s is None]
    if len(live) >= HALF_OF and 2 * len(missing) >= len(live):
        return "its answer lacks %d of %d jobs" % (len(missing), len(live))
    return ""


class Update(NamedTuple):
    """The pilots that changed, and the tags of jobs that the book does not know."""

    changed: List[Pilot]
    unknown: Dict[str, List[Job]]


def update_pilots(
    live: Sequence[Pilot], answer: JobList, alive: Iterable[str], now: Tuple[float, float]
) -> Update:
    """Apply a good answer. `alive` are the pilots that showed in another way that they work; `now`
    is UNIX time and the boot clock."""
    shown, working = answer.by_pilot(), set(alive)
    changed = []
    for pilot in live:
        job = shown.pop(pilot.pilot, None)
        if job is not None and _is_same(pilot, job):
            continue
        after = (
            _apply_job(pilot, job, now)
            if job is not None
            else _miss_job(pilot, pilot.pilot in working, now)
        )
        if after != pilot:
            changed.append(after)
    unknown: Dict[str, List[Job]] = {}
    for job in shown.values():
        unknown.setdefault(job.tag, []).append(job)
    return Update(changed, unknown)


def _is_same(pilot: Pilot, job: Job) -> bool:
    """Whether a job is as the book has it: nearly all are."""
    return (
        pilot.state == job.state
        and pilot.missing_s is None
        and pilot.job == job.id
        and job.node in ("", pilot.node)
        and job.exit_code in (None, pilot.exit_code)
        and job.state not in STUCK
        and (pilot.started is not None) == (job.state in RUNNING)
    )


def _apply_job(pilot: Pilot, job: Job, now: Tuple[float, float]) -> Pilot:
    state = job.state
    after = pilot._replace(
        state=state.value, job=job.id, missing_s=None,
        node=job.node or pilot.node,
        reason=job.reason if state in STUCK and pilot.reason != CANCELLED else pilot.reason,
        exit_code=pilot.exit_code if job.exit_code is None else job.exit_code,
    )
    if state in RUNNING and pilot.started is None:
        after = after._replace(started=now[0], started_s=now[1])
    # a requeued job starts again
    if state in WAITING and pilot.started is not None:
        after = after._replace(started=None, started_s=None)
    return after if state in LIVE else after._replace(ended=now[0])


def _miss_job(pilot: Pilot, working: bool, now: Tuple[float, float]) -> Pilot:
    if pilot.reason == CANCELLED:
        # some systems show no cancelled part of an array any more
        return pilot._replace(state=JobState.CANCELLED.value, ended=now[0])
    if working:
        return pilot._replace(missing_s=None)
    if pilot.missing_s is None:
        return pilot._replace(missing_s=now[1])
    if now[1] - pilot.missing_s < APART_S:
        return pilot
    return pilot._replace(
        state=JobState.GONE.value, ended=now[0], reason=pilot.reason or "ended, unknown how"
    )


def adopt_jobs(jobs: Iterable[Job], site: str, now: Tuple[float, float]) -> List[Pilot]:
    """Pilots for jobs that the book does not know, or whose submission was doubtful."""
    return [
        _apply_job(new_pilot(job.tag, job.number, site, job.id, now[0]), job, now) for job in jobs
    ]


def count_supply(
    pilots: Iterable[Pilot], shortest_s: Optional[float], walltime_s: Optional[float], now_s: float
) -> int:
    """How many pending and running pilots can still take a task; `shortest_s` is the shortest time
    that a claimable task needs."""
    supply = 0
    for pilot in pilots:
        if pilot.state in STUCK or JobState(pilot.state) == JobState.COMPLETING:
            continue
        if pilot.started_s is not None and walltime_s is not None:
            left_s = walltime_s - (now_s - pilot.started_s)
            if left_s < (shortest_s or 0.0) or left_s <= 0:
                continue
        supply += 1
    return supply

"""A simulated batch system and pool with a virtual clock: the real policies, guards and book decide
over them. The same seed gives the same numbers."""

import random
from typing import Dict, List, NamedTuple, Optional, Sequence

from pilot.ops.factory.backends.backend import Backend, Submission
from pilot.ops.factory.book import Book
from pilot.ops.factory.book_file import Clock
from pilot.ops.factory.config import Farm, Site
from pilot.ops.factory.cycle import Access, run_cycle
from pilot.ops.factory.jobs import Job, JobList, JobState, pilot_id
from pilot.ops.factory.submission import PilotFiles
from pilot.pool.interface import Demand, Need

STEP_S = 60.0
QUICK_S = 20.0  # how long a pilot on a broken node lives
FORGET_S = 600.0  # how long the batch system shows an ended job


class Load(NamedTuple):
    """The work: tasks that arrive per hour, and how long one takes."""

    tasks_per_h: float = 60.0
    task_s: float = 600.0


class VirtualClock(Clock):
    """A clock that only the simulation turns."""

    def __init__(self) -> None:
        self.now = 0.0

    def boot_s(self) -> float:
        """Virtual seconds since the start."""
        return self.now

    def unix_s(self) -> float:
        """A day in 2027, and what has passed since."""
        return 1.8e9 + self.now


class _SimulatedJob:
    """One job, and the tasks that its pilot runs: the times at which they end."""

    def __init__(self, site: Site, submission: Submission, number: int, now: float, due: float) -> None:
        self.site, self.tag, self.number = site, submission.tag, number
        self.submitted, self.due = now, due  # due: it starts then at the earliest
        self.started: Optional[float] = None
        self.ended: Optional[float] = None
        self.code = 0
        self.tasks: List[float] = []
        self.idle_since = 0.0

    def show(self) -> Job:
        """The job as the batch system shows it."""
        if self.ended is not None:
            state = JobState.OK if self.code in (0, 60) else JobState.FAILED
            return Job(self.id, self.tag, self.number, state, "node", "", self.code)
        state = JobState.PENDING if self.started is None else JobState.RUNNING
        return Job(self.id, self.tag, self.number, state, "node")

    @property
    def id(self) -> str:
        """The pilot's id, which is the job's too."""
        return pilot_id(self.tag, self.number)


class Totals(NamedTuple):
    """What a simulation measured. Hours are of pilots; `wait_s` is the mean time from a task's
    arrival to its start."""

    done: int
    left: int
    wait_s: float
    pilots: int
    queue_s: float
    busy_h: float
    idle_h: float
    most_running: int

    @property
    def efficiency(self) -> float:
        """The part of the pilots' time in which tasks ran."""
        total = self.busy_h + self.idle_h
        return self.busy_h / total if total else 0.0


class _WorkDone:
    """Tasks that ended, the time that all took, and how long each waited for its start."""

    def __init__(self) -> None:
        self.tasks, self.busy_s = 0, 0.0
        self.waits: List[float] = []


class Simulation(Backend):
    """The batch systems of all sites, and the pool."""

    name, index_variable = "simulated", "NUMBER"

    def __init__(self, farm: Farm, load: Load, seed: int) -> None:
        super().__init__({}, "")
        self.clock = VirtualClock()
        self.levels: List[Dict[str, float]] = []  # demand, pending and running by cycle
        self._sites = {site.name: site for site in farm.sites}
        self._load, self._random = load, random.Random(seed)
        self._jobs: List[_SimulatedJob] = []
        self._arrived: List[float] = []
        self._recent: List[_SimulatedJob] = []  # ended, and still shown
        self._over: List[_SimulatedJob] = []  # all that have ended
        self._work_done, self._next = _WorkDone(), ""

    # -- the batch system ------------------------------------------------------------------------

    def submit(self, submission: Submission) -> str:
        site = self._sites[self._next]
        for number in range(submission.pilots):
            wait_s = self._random.expovariate(1.0 / max(1.0, site.fake_queue_s))
            due = self.clock.now + wait_s
            self._jobs.append(_SimulatedJob(site, submission, number, self.clock.now, due))
        return submission.tag

    def list_jobs(self) -> JobList:
        self._recent = [
            one for one in self._recent if self.clock.now - (one.ended or 0.0) < FORGET_S
        ]
        return JobList([one.show() for one in self._jobs + self._recent])

    def check(self, submission: Submission) -> str:
        return "simulated"

    def cancel(self, ids: Sequence[str]) -> None:
        for job in self._jobs:
            if job.id in ids:
                job.ended = self.clock.now

    def output_files(self, folder: str, index: int) -> List[str]:
        return []

    # -- the pool --------------------------------------------------------------------------------

    def read_demand(self, url: str) -> Demand:
        """The tasks that wait, and who runs the others."""
        running = {one.id: len(one.tasks) for one in self._jobs if one.tasks}
        need = Need(1, 0, 0, 0.0, (), False, len(self._arrived), 0, sum(running.values()))
        return Demand([need], running)

    # -- time ------------------------------------------------------------------------------------

    def step(self, seconds: float) -> None:
        """Let so much time pass."""
        self.clock.now += seconds
        now = self.clock.now
        mean = self._load.tasks_per_h * seconds / 3600.0
        self._arrived += [now] * _poisson(self._random, mean)
        for job in self._jobs:
            self._start(job, now)
            self._work(job, now)
            self._end(job, now)
        ended = [job for job in self._jobs if job.ended is not None]
        self._recent += ended
        self._over += ended
        self._jobs = [job for job in self._jobs if job.ended is None]

    def _start(self, job: _SimulatedJob, now: float) -> None:
        if job.started is None and job.due <= now:
            job.started = job.idle_since = now
            if self._random.random() < job.site.fake_fail:
                job.ended, job.code = now + QUICK_S, 10

    def _work(self, job: _SimulatedJob, now: float) -> None:
        if job.started is None or job.ended is not None:
            return
        over = [end for end in job.tasks if end <= now]
        self._work_done.tasks += len(over)
        if over:
            job.tasks = [end for end in job.tasks if end > now]
            job.idle_since = max(over)
        while self._arrived and len(job.tasks) < job.site.cores and self._has_time(job, now):
            self._work_done.waits.append(now - self._arrived.pop(0))
            length_s = self._load.task_s
            job.tasks.append(now + length_s)
            self._work_done.busy_s += length_s / job.site.cores

    def _has_time(self, job: _SimulatedJob, now: float) -> bool:
        if job.site.walltime_s is None or job.started is None:
            return True
        return now + self._load.task_s <= job.started + job.site.walltime_s

    def _end(self, job: _SimulatedJob, now: float) -> None:
        if job.started is None or job.ended is not None or job.tasks:
            return
        if not self._has_time(job, now):
            job.ended, job.code = now, 60
        elif now - job.idle_since >= job.site.idle_s:
            job.ended = now

    def totals(self) -> Totals:
        """The sums so far."""
        work = self._work_done
        jobs = [job for job in self._over + self._jobs if job.started is not None]
        all_s = sum((job.ended or self.clock.now) - (job.started or 0.0) for job in jobs)
        queue = [(job.started or 0.0) - job.submitted for job in jobs]
        return Totals(
            work.tasks, len(self._arrived), _mean(work.waits), len(self._over + self._jobs),
            _mean(queue), work.busy_s / 3600, max(0.0, all_s - work.busy_s) / 3600,
            int(max((level["running"] for level in self.levels), default=0)),
        )

    # -- the factory -----------------------------------------------------------------------------

    def run(self, farm: Farm, folder: str, hours: float) -> Totals:
        """Run the factory's cycles over so many virtual hours; the book is in this folder."""
        book = Book(folder, self.clock, durable=False)
        access = Access(
            lambda name: self, self.read_demand, lambda url, pilots, seconds: set(),
            lambda source: source.pilots, lambda site: None, _NoFiles(self),
        )
        virtual = farm._replace(
            book=folder,
            sites=tuple(site._replace(backend=self.name, pool="simulated") for site in farm.sites),
        )
        while self.clock.now < hours * 3600.0:
            self.step(min(STEP_S, farm.cycle_s))
            if self.clock.now % max(STEP_S, farm.cycle_s) < STEP_S:
                self._note_levels(run_cycle(virtual, book, access))
        book.close()
        return self.totals()

    def _note_levels(self, reports: Sequence[object]) -> None:
        running = sum(one.started is not None for one in self._jobs)
        self.levels.append({
            "demand": float(len(self._arrived)), "running": float(running),
            "pending": float(len(self._jobs) - running),
        })

    def expect(self, site: str) -> None:
        """The next submission is for this site."""
        self._next = site


class _NoFiles(PilotFiles):
    """Makes no files."""

    sha256 = ""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation

    def write_submission(self, site: Site, tag: str, count: int, *how: object) -> Submission:
        """A submission without files."""
        self._simulation.expect(site.name)
        return Submission(tag, count, "", "", site.cores)


def _poisson(source: random.Random, mean: float) -> int:
    """A Poisson number, by the times between arrivals."""
    count, passed = 0, source.expovariate(1.0)
    while passed < mean:
        count, passed = count + 1, passed + source.expovariate(1.0)
    return count


def _mean(numbers: Sequence[float]) -> float:
    return sum(numbers) / len(numbers) if numbers else 0.0

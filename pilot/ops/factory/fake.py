"""A simulated world for the factory: a clock, batch systems with the faults of their site's fake_* keys,
and the pilots' work. The same seed gives the same events."""

import heapq
import random
from collections import deque
from typing import Callable, Deque, Dict, List, NamedTuple, Optional, Sequence, Tuple

from pilot.ops.factory.backends.backend import Backend, Submission
from pilot.ops.factory.book_file import Clock
from pilot.ops.factory.config import Site
from pilot.ops.factory.jobs import Job, JobList, JobState, NoAnswer, SubmissionRefused, pilot_id

QUICK_S = 20.0  # how long a pilot on a broken node lives
HOLD_S = 3600.0  # mean time until a held job is released
FORGET_S = 600.0  # how long a batch system shows an ended job


class Load(NamedTuple):
    """The work: tasks that arrive per hour, and how long one takes."""

    tasks_per_h: float = 60.0
    task_s: float = 600.0


class PilotCounts:
    """What a simulation counts of pilots; times are sums, in seconds of pilots and of cores."""

    def __init__(self) -> None:
        self.submitted = self.started = self.failed = self.lost = 0
        self.running = self.pending = self.most_running = 0
        self.queue_s = self.slot_s = 0.0  # of those that started


class TaskCounts:
    """What a simulation counts of tasks; times are sums, in seconds."""

    def __init__(self) -> None:
        self.done = self.started = 0
        self.wait_s = self.busy_s = 0.0


class FakeWorld(Clock):
    """The virtual clock, and what happens when."""

    def __init__(self, load: Load, seed: int) -> None:
        self.now, self.load, self.random = 0.0, load, random.Random(seed)
        self._arrivals = random.Random(seed)  # the same tasks for each policy
        self.pilots, self.tasks = PilotCounts(), TaskCounts()
        self.waiting: Deque[float] = deque()  # arrival times of tasks
        self.free: Deque[FakeJob] = deque()  # pilots that may take a task
        self.holders: Dict[str, int] = {}  # cores in use, by pilot
        self._events: List[Tuple[float, int, Callable[[], None]]] = []
        self._count = 0
        if load.tasks_per_h > 0:
            self.after(self._pause_s(), self._arrive)

    def boot_s(self) -> float:
        """Virtual seconds since the start."""
        return self.now

    def unix_s(self) -> float:
        """A day in 2027, and what has passed since."""
        return 1.8e9 + self.now

    def after(self, seconds: float, event: Callable[[], None]) -> None:
        """Let this happen in so many seconds."""
        self._count += 1
        heapq.heappush(self._events, (self.now + seconds, self._count, event))

    def pass_time(self, seconds: float) -> None:
        """Let all happen that is due within so many seconds."""
        end = self.now + seconds
        while self._events and self._events[0][0] <= end:
            self.now, _, event = heapq.heappop(self._events)
            event()
        self.now = end

    def _pause_s(self) -> float:
        return self._arrivals.expovariate(self.load.tasks_per_h / 3600.0)

    def _arrive(self) -> None:
        """A task arrives; a free pilot takes it."""
        self.waiting.append(self.now)
        while self.free:
            job = self.free.popleft()
            job.listed = False
            if job.take_tasks():
                break
        self.after(self._pause_s(), self._arrive)


class FakeJob:
    """One job and its pilot."""

    __slots__ = ("world", "system", "site", "tag", "number", "submitted", "started", "busy", "idle_since",
                 "listed", "shown")

    def __init__(self, world: FakeWorld, system: "FakeSystem", tag: str, number: int) -> None:
        self.world, self.system, self.site = world, system, system.site
        self.tag, self.number = tag, number
        self.submitted, self.busy, self.idle_since = world.now, 0, 0.0
        self.started: Optional[float] = None
        self.listed = False  # among the free pilots
        self.shown: Optional[Job] = Job(self.id, tag, number, JobState.PENDING)

    @property
    def id(self) -> str:
        """The pilot's id, which is the job's too."""
        return pilot_id(self.tag, self.number)

    def start(self) -> None:
        """Leave the queue, unless the job is gone or its system is down."""
        world = self.world
        if self.shown is None or self.started is not None:
            return
        down_s = self.system.down_s()
        if down_s:
            return world.after(down_s, self.start)
        node = world.random.randrange(max(1, self.site.fake_nodes))
        self.started = self.idle_since = world.now
        self.shown = self.shown._replace(state=JobState.RUNNING, node="node%d" % node)
        pilots = world.pilots
        pilots.started += 1
        pilots.queue_s += world.now - self.submitted
        pilots.pending -= 1
        pilots.running += 1
        pilots.most_running = max(pilots.most_running, pilots.running)
        if node < self.site.fake_bad_nodes or world.random.random() < self.site.fake_fail:
            pilots.failed += 1
            return world.after(QUICK_S, lambda: self.end(JobState.FAILED, 10))
        self.take_tasks()
        if not self.busy:
            self._wait()

    def take_tasks(self) -> bool:
        """Take waiting tasks, as many as there are cores free; whether it took one."""
        world, took = self.world, False
        if self.shown is None or self.started is None:
            return False
        while world.waiting and self.busy < self.site.cores and self._has_time():
            world.tasks.started += 1
            world.tasks.wait_s += world.now - world.waiting.popleft()
            self.busy, took = self.busy + 1, True
            world.holders[self.id] = self.busy
            world.after(world.load.task_s, self._finish_task)
        if self.busy < self.site.cores and self._has_time() and not self.listed:
            self.listed = True
            world.free.append(self)
        return took

    def _has_time(self) -> bool:
        if self.site.walltime_s is None or self.started is None:
            return True
        return self.world.now + self.world.load.task_s <= self.started + self.site.walltime_s

    def _finish_task(self) -> None:
        if self.shown is None:
            return
        world = self.world
        world.tasks.done += 1
        world.tasks.busy_s += world.load.task_s
        self.busy -= 1
        world.holders[self.id] = self.busy
        self.take_tasks()
        if not self.busy:
            del world.holders[self.id]
            self._wait()

    def _wait(self) -> None:
        """Nothing runs: wait for work as long as the pilot may."""
        if not self._has_time():
            return self.end(JobState.OK, 0)
        self.idle_since = since = self.world.now

        def end_idle() -> None:
            if self.shown is not None and not self.busy and self.idle_since == since:
                self.end(JobState.OK, 0)

        self.world.after(self.site.idle_s, end_idle)

    def end(self, state: JobState, code: Optional[int]) -> None:
        """The job is over."""
        if self.shown is None:
            return
        pilots = self.world.pilots
        if self.started is None:
            pilots.pending -= 1
        else:
            pilots.running -= 1
            pilots.slot_s += (self.world.now - self.started) * self.site.cores
        self.world.holders.pop(self.id, None)
        self.system.note_end(self, self.shown._replace(state=state, exit_code=code))
        self.shown = None


class FakeSystem(Backend):
    """The batch system of one site."""

    index_variable = "NUMBER"

    def __init__(self, world: FakeWorld, site: Site) -> None:
        super().__init__({}, "")
        self.name, self.world, self.site = "fake-" + site.name, world, site
        self._live: Dict[str, FakeJob] = {}
        self._ended: Deque[Tuple[float, Job]] = deque()

    def down_s(self) -> float:
        """Seconds until the system answers again; 0 while it works."""
        return max(
            (begin + length - self.world.now for begin, length in self.site.fake_outages
             if begin <= self.world.now < begin + length),
            default=0.0,
        )

    def check(self, submission: Submission) -> str:
        return "simulated"

    def submit(self, submission: Submission) -> str:
        if self.down_s():
            raise SubmissionRefused("the simulated batch system is down")
        world, site = self.world, self.site
        for number in range(submission.pilots):
            job = FakeJob(world, self, submission.tag, number)
            world.pilots.submitted += 1
            world.pilots.pending += 1
            wait_s = world.random.expovariate(1.0 / max(1.0, site.fake_queue_s))
            fate = world.random.random()
            self._live[job.id] = job
            if fate < site.fake_lost:
                world.pilots.lost += 1
                world.after(wait_s, lambda job=job: self._lose(job))  # type: ignore[misc]
                continue
            if fate < site.fake_lost + site.fake_held:
                assert job.shown is not None
                job.shown = job.shown._replace(state=JobState.HELD, reason="simulated hold")
                wait_s += world.random.expovariate(1.0 / HOLD_S)
            world.after(wait_s, job.start)
        return submission.tag

    def _lose(self, job: FakeJob) -> None:
        """A job vanishes, and nobody says how."""
        if job.shown is not None:
            job.shown = None
            self.world.pilots.pending -= 1
            self._live.pop(job.id, None)

    def live_slot_s(self) -> float:
        """The time of all running jobs so far, in seconds of cores."""
        return sum(
            (self.world.now - job.started) * self.site.cores
            for job in self._live.values()
            if job.started is not None
        )

    def note_end(self, job: FakeJob, shown: Job) -> None:
        """Show the end of a job for a while."""
        self._live.pop(job.id, None)
        self._ended.append((self.world.now, shown))

    def list_jobs(self) -> JobList:
        if self.down_s():
            raise NoAnswer("the simulated batch system is down")
        while self._ended and self._ended[0][0] < self.world.now - FORGET_S:
            self._ended.popleft()
        jobs = [job.shown for job in self._live.values() if job.shown is not None]
        if self.world.random.random() < self.site.fake_lies:
            if self.world.random.random() < 0.5:
                raise NoAnswer("a simulated answer that nobody can read")
            jobs = jobs[: len(jobs) // 3]
        return JobList(jobs + [shown for _, shown in self._ended])

    def cancel(self, ids: Sequence[str]) -> None:
        for one in ids:
            if one in self._live:
                self._live[one].end(JobState.CANCELLED, None)

    def output_files(self, folder: str, index: int) -> List[str]:
        return []

"""A farm, a book with a clock that the test turns, and a batch system in memory."""

import os
import subprocess

import pytest

from pilot.ops.factory import policy
from pilot.ops.factory.backends.backend import Backend
from pilot.ops.factory.book import Book
from pilot.ops.factory.book_file import Clock
from pilot.ops.factory.config import Farm, Site
from pilot.ops.factory.cycle import Access, run_cycle
from pilot.ops.factory.jobs import LIVE, Job, JobList, JobState, NoAnswer, TooMany
from pilot.ops.factory.source import DemandSource
from pilot.ops.factory.__main__ import main
from pilot.pool.interface import Busy, Demand, Need
from tests.conftest import ROOT, until
from tests.ops.factory.farming import FARM, TOOL, add_tasks, live, shown


class Turned(Clock):
    """Two clocks: `pass_time` turns both, `set_time` the one for people only."""

    def __init__(self):
        self.boot, self.unix = 1000.0, 1.6e9

    def boot_s(self):
        return self.boot

    def unix_s(self):
        return self.unix

    def pass_time(self, seconds):
        self.boot += seconds
        self.unix += seconds

    def set_time(self, seconds):
        self.unix += seconds


class Memory(Backend):
    """A batch system of the test: `jobs` by id; `error` is raised once by the next submission, after
    it happened if `happens`; `silent` by every question; `most` is its limit."""

    name, index_variable = "memory", "NUMBER"

    def __init__(self, environ, folder):
        super().__init__(environ, folder)
        self.jobs, self.submitted, self.error, self.happens = {}, [], None, False
        self.silent, self.hidden, self.questions = "", set(), 0
        self.most, self.tries = 10 ** 9, 0  # live jobs that it allows; submit commands

    def check(self, submission):
        return "fine"

    def submit(self, submission):
        error, self.error = self.error, None
        self.tries += 1
        live = sum(job.state in LIVE for job in self.jobs.values())
        if live + submission.pilots > self.most:
            raise TooMany("job submit limit")
        if error is None or self.happens:
            self.submitted.append(submission)
            for number in range(submission.pilots):
                one = "%s-%d" % (submission.tag, number)
                self.jobs[one] = Job(one, submission.tag, number, JobState.PENDING)
        if error is not None:
            raise error
        return submission.tag

    def list_jobs(self):
        self.questions += 1
        if self.silent:
            raise NoAnswer(self.silent)
        return JobList([job for one, job in self.jobs.items() if one not in self.hidden])

    def cancel(self, ids):
        for one in ids:
            self.move(one, JobState.CANCELLED)

    def output_files(self, folder, index):
        return []

    def move(self, one, state, **more):
        """Change the state of a job, or of all."""
        for name in list(self.jobs) if one == "all" else [one]:
            self.jobs[name] = self.jobs[name]._replace(state=state, **more)


class NoFiles:
    """In place of the pilot's program."""

    sha256 = "0" * 64

    def write_submission(self, site, tag, count, book, backend, mint):
        from pilot.ops.factory.backends.backend import Submission

        return Submission(tag, count, "/folder", "script", site.cores)


def make_site(name="main", **more):
    """A site with the defaults of the file, but without `persist`."""
    values = dict(
        name=name, backend="memory", pool="pool", demand=DemandSource(), cores=1, memory_mb=None, gpus=0, walltime_s=None,
        queue="", tags=(), options=(), environment=(), pilot_options=(), commands="",
        policy=policy.parse_chain("demand"), weight=1.0, prefer=0, groups=(), mode="online",
        downtime=(), min_running=0, max_running=10, max_pending=5, max_per_cycle=10,
        rate_per_min=60.0, idle_s=300.0, per_node=3,
    )
    values.update(more)
    return Site(**values)


def make_need(todo, **more):
    values = dict(cores=1, memory_mb=0, gpus=0, walltime_s=0.0, tags=(), container=False,
                  todo=todo, waiting=0, locked=0)
    values.update(more)
    return Need(**values)


class Factory:
    """A factory in memory: `cycle` runs one cycle and returns the decisions by site."""

    def __init__(self, folder):
        self.clock, self.system = Turned(), Memory({}, str(folder))
        self.folder = str(folder)
        self.book = Book(self.folder, self.clock)
        self.sites, self.max_total = [make_site()], None
        self.demand, self.source = Demand([], {}), 0
        self.keep_outputs_mb, self.heard = 1000.0, set()
        self.stopping = lambda: False

    def reopen(self):
        """The same after the process ended."""
        self.book.close()
        self.book = Book(self.folder, self.clock)

    def farm(self):
        return Farm(
            path="farm.ini", name="farm", pool="pool", server="", token_file="", pilot="",
            cycle_s=60.0, max_total=self.max_total, book=self.folder, keep_days=7.0, keep_outputs_mb=self.keep_outputs_mb,
            sites=tuple(self.sites),
        )

    def cycle(self, seconds=60.0):
        self.clock.pass_time(seconds)
        access = Access(
            lambda name: self.system, self._read_demand, self._heard, self._read_source,
            lambda site: None, NoFiles(), lambda: self.stopping(),
        )
        return {one.site.name: one.decision for one in run_cycle(self.farm(), self.book, access)}

    def _heard(self, url, pilots, seconds):
        if isinstance(self.heard, str):
            raise Busy(self.heard)
        return {pilot for pilot in pilots if pilot in self.heard}

    def _read_source(self, source):
        if isinstance(self.source, str):
            raise NoAnswer(self.source)
        return self.source

    def _read_demand(self, url):
        if isinstance(self.demand, str):
            raise Busy(self.demand)
        return self.demand

    def want(self, todo, **more):
        self.demand = Demand([make_need(todo, **more)], {})


@pytest.fixture
def factory(tmp_path):
    one = Factory(tmp_path / "book")
    yield one
    one.book.close()


@pytest.fixture
def farm(tmp_path):
    """A farm with a pool; `farm(text)` writes another file. What still runs is ended."""
    path = tmp_path / "farm.ini"

    def write(text=FARM):
        path.write_text(text)
        return str(path)

    write()
    write.folder, write.file = tmp_path, str(path)
    add_tasks(tmp_path, 3)
    yield write
    if os.path.exists(str(path)) and main(["check", str(path)]) == 0:
        main(["pause", str(path)])
        main(["cancel", str(path), "--yes"])
        until(lambda: main(["once", str(path)]) == 0 and not live(str(path)), what="the end")


@pytest.fixture
def daemon(farm):
    """`run` in a process of its own."""
    child = subprocess.Popen(
        TOOL + ["run", farm.file], cwd=str(ROOT), stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    until(lambda: shown("status", farm.file)["running"] == child.pid, what="the daemon")
    yield child
    if child.poll() is None:
        child.kill()
    child.wait()
    child.stdout.close()

"""The factory over a real batch system, as a plain user: what all batch systems must show."""

import json
import os
import random
import re
import signal
import sqlite3
import stat
import subprocess
import time
from collections import Counter

import pytest

from tests.conftest import ROOT, until
from tests.real.conftest import PYTHON

FARM = """\
[factory]
pool = sqlite:pool.sqlite
cycle_s = 1

[site main]
backend = %s
max_running = %d
max_pending = 4
policy = demand half
idle_s = 0
%s
"""
# what stands in place of the submit command; $REAL is the true one
CASES = {
    "killed before the command": "kill -9 $PPID; exit 1",
    "killed while it runs": '(sleep 0.3; exec "$REAL" "$@") >/dev/null 2>&1 & kill -9 $PPID; wait',
    "killed after the command": '"$REAL" "$@" >/dev/null; kill -9 $PPID; sleep 1',
    "it submits and fails": '"$REAL" "$@" >/dev/null; exit 1',
    "it submits and is killed": '"$REAL" "$@" >/dev/null; kill -9 $$',
}
every_case = pytest.mark.parametrize("case", sorted(CASES))


def ship_job(world, folder, size, results, *words):
    """Write the job of pilots with these words into a folder: its name is mine, its site here."""
    ours = ["--name", "mine", "--environment", "PILOT_SITE=here", "--results", str(results)]
    argv = [PYTHON, "-m", "pilot.ship", world, "-o", str(folder)] + size + ours
    subprocess.check_call(argv + ["--"] + list(words), cwd=str(ROOT), stdout=subprocess.DEVNULL)


class RealFarm:
    """A farm in a folder of the plain user's. `run(path, *words)` runs a program as that user, with
    these folders first on its PATH, and returns its exit code and output; `list_tags` gives the tag of
    each live job that the batch system has of that user."""

    def __init__(self, run, program, folder, backend, list_tags, more=""):
        self._run, self._program, self.folder = run, program, folder
        self._backend, self._more, self.list_tags = backend, more, list_tags
        self.file, self.pool = str(folder / "farm.ini"), "sqlite:%s/pool.sqlite" % folder
        self.path = ""

    def list_limited(self):
        """What the batch system's limit on a user counts."""
        return self.list_tags()

    def make(self, tasks, max_running=4, command="exec true"):
        lines = [json.dumps({"id": "t%d" % number, "script": command}) for number in range(tasks)]
        (self.folder / "tasks.jsonl").write_text("\n".join(lines) + "\n")
        (self.folder / "farm.ini").write_text(FARM % (self._backend, max_running, self._more))
        self.tool("pool", "add", self.pool, str(self.folder / "tasks.jsonl"))
        return self

    def attempt(self, name, *words):
        return self._run(self.path, *self._program, "-m", "pilot." + name, *words)

    def set(self, key, value):
        """Change a key of the file."""
        path = self.folder / "farm.ini"
        path.write_text(re.sub(r"(?m)^%s = .*" % key, "%s = %s" % (key, value), path.read_text()))

    def once_killed(self, seconds):
        """A cycle that gets SIGKILL after so many seconds, wherever it is."""
        self._run(self.path, "timeout", "-s", "KILL", "%.2f" % seconds, *self._program, "-m",
                  "pilot.factory", "once", self.file)

    def booked_tags(self):
        """How many live pilots of each tag the book has."""
        with sqlite3.connect(self.file + ".book/book.sqlite") as db:
            rows = db.execute("SELECT tag, count(*) FROM pilots WHERE ended IS NULL GROUP BY tag")
            return dict(rows.fetchall())

    def tool(self, name, *words):
        code, said = self.attempt(name, *words)
        assert code == 0, said
        return said

    def once(self):
        self.tool("factory", "once", self.file)
        return self.site()

    def site(self):
        return json.loads(self.tool("factory", "status", self.file, "--json"))["sites"][0]

    def counts(self):
        return json.loads(self.tool("pool", "status", self.pool, "--json"))

    def wrap(self, command, real, text):
        """Put a script in place of a command."""
        folder = self.folder / "bin"
        folder.mkdir(exist_ok=True)
        path = folder / command
        path.write_text("#!/bin/bash\nREAL=%s\n%s\n" % (real, text))
        path.chmod(0o755 | stat.S_IXUSR)
        self.path = str(folder)

    def unwrap(self):
        self.path = ""

    def end_all(self):
        self.tool("factory", "pause", self.file)
        self.tool("factory", "cancel", self.file, "--yes")
        until(lambda: live(self.once()) == 0, 120, "the end of all pilots")


def live(site):
    return site["pending"] + site["running"] + site["held"]


def check_tasks(farm, tasks=200, max_running=4):
    """All tasks are done, no cap is exceeded, and nothing is left. Returns the site's status."""
    farm.make(tasks, max_running)
    deadline = time.monotonic() + 300
    while True:
        site = farm.once()
        assert live(site) <= max_running and len(farm.list_tags()) <= max_running, site
        counts = farm.counts()
        if counts["done"] == tasks and not live(site):
            assert farm.list_tags() == []
            return site
        explained = farm.tool("factory", "explain", farm.file, "main")
        assert time.monotonic() < deadline, (counts, site, explained)


def check_nothing_twice(farm, case, command, real):
    """One submission of four pilots, whatever happens to it: afterwards the book and the batch system
    have the same jobs, and no tag twice."""
    farm.make(40, max_running=4, command="sleep 600")
    farm.wrap(command, real, CASES[case])
    code, said = farm.attempt("factory", "once", farm.file)
    assert (code != 0) == case.startswith("killed"), said
    farm.unwrap()
    for _ in range(4):
        farm.once()
        assert len(farm.list_tags()) <= 4
    if case == "killed before the command":
        # it may have happened: nothing more is submitted until it was looked for
        assert (farm.list_tags(), live(farm.site())) == ([], 0)
        return
    until(lambda: live(farm.once()) == 4, 90, "the pilots in the book")
    tags = farm.list_tags()
    assert (len(tags), len(set(tags))) == (4, 1)
    farm.end_all()
    assert farm.list_tags() == []


def check_killed_anywhere(farm, kills=20):
    """Cycles that are killed at any moment of theirs: while they ask, write the book, or submit.
    Afterwards the book has what the batch system has; no cap was ever exceeded."""
    source = random.Random(3)
    farm.make(40, max_running=4, command="sleep 600")
    for _ in range(kills):
        farm.once_killed(source.uniform(0.05, 1.5))
        assert len(farm.list_tags()) <= 4
    until(lambda: live(farm.once()) == 4, 240, "four pilots in the book")
    assert Counter(farm.list_tags()) == farm.booked_tags()
    farm.end_all()


def check_held(farm, hold, release):
    """Held jobs count towards all caps; released, they work."""
    farm.make(12, max_running=3, command="exec true")
    (farm.folder / "farm.ini").write_text(
        (farm.folder / "farm.ini").read_text().replace("idle_s = 0", "idle_s = 0\noptions = " + hold)
    )
    until(lambda: farm.once()["held"] == 3, 90, "three held pilots")
    for _ in range(4):
        farm.once()
        assert len(farm.list_tags()) == 3
    assert "max_running 3-3 = 0" in farm.tool("factory", "explain", farm.file, "main")
    release()
    (farm.folder / "farm.ini").write_text(
        (farm.folder / "farm.ini").read_text().replace("options = " + hold, "")
    )
    until(lambda: farm.once() and farm.counts()["done"] == 12, 180, "the tasks")
    until(lambda: live(farm.once()) == 0, 90, "the end of the pilots")


def check_stopped(farm, pids, seconds=40):
    """The batch system's daemons answer nobody for so long: the pilots count as before, nothing is
    submitted, and afterwards there are as many as there should be within three cycles."""
    farm.make(40, max_running=2, command="sleep 600")
    until(lambda: farm.once()["running"] == 2, 90, "two pilots")
    began, before = time.monotonic(), farm.list_tags()
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        while time.monotonic() < began + seconds:
            site = farm.once()
            assert (site["state"], live(site)) == ("unknown", 2), site
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)
    assert farm.list_tags() == before
    farm.set("max_running", 4)
    until(lambda: farm.once()["state"] == "ok", 120, "an answer")
    for _ in range(3):
        farm.once()
    assert len(farm.list_tags()) == 4
    farm.end_all()


def check_limit(farm, limit, least=None):
    """The batch system takes `limit` submissions (or jobs) of a user at most: that is a cap and no
    failure. At least `least` were there at once."""
    farm.make(24, max_running=12, command="sleep 2")
    seen = 0

    def is_done():
        nonlocal seen
        site, tags = farm.once(), farm.list_limited()
        assert len(tags) <= limit and site["state"] == "ok", site
        seen = max(seen, len(tags))
        return farm.counts()["done"] == 24

    until(is_done, 240, "the tasks")
    explained = farm.tool("factory", "explain", farm.file, "main")
    assert seen >= (least or limit) and "the batch system's limit" in explained, explained
    assert farm.site()["ended_badly"] == 0


def environment_path(path):
    """PATH with these folders first."""
    return "PATH=%s%s" % (path + ":" if path else "", os.environ["PATH"])

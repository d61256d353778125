"""The factory on a real Slurm, as a plain user: work comes and goes, and the factory is killed at
each step of a submission."""

import json
import os
import signal
import stat
import subprocess
import time

import pytest

from tests.conftest import until
from tests.real.conftest import AS_USER, PYTHON, USER, need, script

FARM = """\
[factory]
pool = sqlite:pool.sqlite
cycle_s = 1

[site main]
backend = slurm
queue = main
memory = 500
walltime = 10m
max_running = %d
max_pending = 8
policy = demand half
idle_s = 0
"""


@pytest.fixture(scope="module")
def slurm(base):
    need("slurmctld", "slurmd", "munged", "sbatch")
    environ = dict(os.environ, PORT0="16830")
    script("slurm.sh", "up", base, env=environ)
    yield base
    script("slurm.sh", "down", base, env=environ)


class UsersFarm:
    """A farm in a folder of the plain user's."""

    def __init__(self, folder, program, slurm):
        self.folder, self._program = folder, str(program)
        self.environ = dict(os.environ, SLURM_CONF=str(slurm / "slurm.conf"), HOME=str(folder))
        self.file, self.pool = str(folder / "farm.ini"), "sqlite:%s/pool.sqlite" % folder

    def make(self, tasks, max_running=6, command="exec true"):
        lines = [
            json.dumps({"id": "t%d" % number, "script": command, "memory_mb": 50})
            for number in range(tasks)
        ]
        (self.folder / "tasks.jsonl").write_text("\n".join(lines) + "\n")
        (self.folder / "farm.ini").write_text(FARM % max_running)
        self.tool("pool", "add", self.pool, str(self.folder / "tasks.jsonl"))
        return self

    def start(self, *words):
        return subprocess.Popen(
            AS_USER + [PYTHON, self._program, "-m", "pilot.factory"] + list(words),
            cwd=str(self.folder), env=self.environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )

    def tool(self, name, *words):
        return subprocess.check_output(
            AS_USER + [PYTHON, self._program, "-m", "pilot." + name] + list(words),
            cwd=str(self.folder), env=self.environ,
        ).decode()

    def once(self):
        return self.tool("factory", "once", self.file)

    def counts(self):
        return json.loads(self.tool("pool", "status", self.pool, "--json"))

    def site(self):
        return json.loads(self.tool("factory", "status", self.file, "--json"))["sites"][0]

    def jobs(self):
        """(name, state) of the user's live array parts that have a tag."""
        text = subprocess.check_output(
            ["squeue", "-h", "-r", "-u", USER, "-o", "%j|%T"], env=self.environ
        ).decode()
        rows = [line.split("|") for line in text.splitlines()]
        return [tuple(row) for row in rows if len(row[0]) == 12 and row[0].startswith("p")]

    def cancel_all(self):
        subprocess.call(["scancel", "-u", USER], env=self.environ)
        until(lambda: not self.jobs(), 60, "the end of all jobs")


@pytest.fixture
def farm(slurm, users_folder, operators_file):
    one = UsersFarm(users_folder, operators_file, slurm)
    yield one
    one.cancel_all()


def test_two_hundred_tasks_run_on_slurm_and_others_jobs_are_left_alone(farm):
    farm.make(200)
    foreign = [
        subprocess.check_output(
            who + ["sbatch", "--parsable", "-J", name, "-t", "5", "--mem", "50", "-o", "/dev/null",
                   "--wrap", "sleep 200"],
            env=farm.environ, cwd="/tmp",
        ).decode().strip()
        for who, name in (([], "pilot"), (AS_USER, "mine"))
    ]
    daemon = farm.start("run", farm.file)
    most = 0
    try:
        deadline = time.monotonic() + 240
        while farm.counts()["done"] < 200:
            most = max(most, len(farm.jobs()))
            assert time.monotonic() < deadline, farm.counts()
        until(lambda: not farm.jobs(), 60, "the end of the pilots")
        until(lambda: farm.site()["running"] == farm.site()["pending"] == 0, 60, "the book")
        assert 1 <= most <= 6
        assert "no process" not in farm.tool("factory", "stop", farm.file)
        assert daemon.wait(30) == 0
        assert farm.counts() == {"todo": 0, "locked": 0, "done": 200, "error": 0, "held": 0}
        assert farm.site()["ended_badly"] == 0
        states = subprocess.check_output(
            ["squeue", "-h", "-j", ",".join(foreign), "-o", "%T"], env=farm.environ
        ).decode()
        assert states.split() == ["RUNNING", "RUNNING"]
    finally:
        if daemon.poll() is None:
            daemon.kill()
        daemon.communicate()
        subprocess.call(["scancel"] + foreign, env=farm.environ)


@pytest.fixture
def wrapped(farm, tmp_path):
    """Put a script in place of a command of Slurm's; $REAL is the true one. `unwrap` ends that."""
    folder = farm.folder / "bin"
    folder.mkdir()
    former = farm.environ["PATH"]

    def wrap(name, text):
        real = subprocess.check_output(["which", name]).decode().strip()
        path = folder / name
        path.write_text("#!/bin/bash\nREAL=%s\n%s\n" % (real, text))
        path.chmod(0o755 | stat.S_IXUSR)
        farm.environ["PATH"] = "%s:%s" % (folder, former)

    def unwrap():
        farm.environ["PATH"] = former

    wrap.unwrap = unwrap
    return wrap


CASES = {
    "killed before the command": 'kill -9 $PPID; exit 1',
    "killed while it runs": '(sleep 0.3; exec "$REAL" "$@") >/dev/null 2>&1 & kill -9 $PPID; wait',
    "killed after the command": '"$REAL" "$@" >/dev/null; kill -9 $PPID; sleep 1',
    "it submits and fails": '"$REAL" "$@" >/dev/null; echo "Socket timed out on send/recv" >&2; exit 1',
    "it submits and is killed": '"$REAL" "$@" >/dev/null; kill -9 $$',
}


@pytest.mark.parametrize("case", sorted(CASES))
def test_nothing_is_submitted_twice(farm, wrapped, case):
    farm.make(40, max_running=4, command="sleep 600")
    wrapped("sbatch", CASES[case])
    first = farm.start("once", farm.file)
    first.communicate(timeout=120)
    killed = case.startswith("killed")
    assert first.returncode == (-signal.SIGKILL if killed else 0)
    wrapped.unwrap()
    for _ in range(4):
        farm.once()
        assert len(farm.jobs()) <= 4
    if case != "killed before the command":
        until(lambda: farm.once() is not None and farm.site()["running"] == 4, 60, "the pilots")
        tags = [name for name, _ in farm.jobs()]
        assert (len(tags), len(set(tags))) == (4, 1)
    else:
        # it may have happened: nothing more is submitted until it was looked for
        assert farm.jobs() == []
        assert farm.site()["pending"] == 0


def test_a_controller_that_is_away_is_no_reason_to_submit(farm, slurm):
    farm.make(40, max_running=4, command="sleep 600")
    until(lambda: farm.once() is not None and farm.site()["running"] == 4, 60, "the pilots")
    pid = int((slurm / "run" / "slurmctld.pid").read_text())
    os.kill(pid, signal.SIGTERM)  # it saves its jobs; after SIGKILL it may have lost the last ones
    until(lambda: not os.path.exists("/proc/%d" % pid), 30)
    farm.once()
    assert farm.site()["state"] == "unknown"
    assert farm.site()["running"] == 4
    subprocess.check_call(["slurmctld"], env=farm.environ)
    until(lambda: farm.once() is not None and farm.site()["state"] == "ok", 120, "the recovery")
    assert len(farm.jobs()) == 4
    assert farm.site()["running"] == 4


def test_a_dry_run_asks_slurm_and_submits_nothing(farm):
    farm.make(3)
    dry = farm.start("dry-run", farm.file)
    shown = dry.communicate(timeout=60)[0].decode()
    assert (dry.returncode, "submit 2" in shown) == (0, True), shown
    assert farm.jobs() == []
    words = ["add", farm.file, "slurm", "--site", "wrong", "--queue", "nowhere"]
    refused = farm.start(*words)
    told = refused.communicate(timeout=60)[0].decode()
    assert refused.returncode == 2
    assert "invalid partition" in told and "nothing was written" in told
    longer = farm.start("add", farm.file, "slurm", "--site", "long", "--queue", "short", "--walltime", "3h")
    told = longer.communicate(timeout=60)[0].decode()
    assert (longer.returncode, "longer than the partition's limit" in told) == (2, True)

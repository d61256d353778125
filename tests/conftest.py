"""Fixtures: a home of its own for every test, fake programs on PATH, a pilot as a child process."""

import importlib
import json
import os
import signal
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from pilot.base.interrupts import STOP_SIGNALS
from tests.grid import grid  # noqa: F401

ROOT = Path(__file__).resolve().parent.parent


def extension(name):
    """A module of extensions/, found as the pilot finds it: that folder stands last in sys.path."""
    folder = str(ROOT / "extensions")
    if folder not in sys.path:
        sys.path.append(folder)
    return importlib.import_module(name)


# Under nohup, or as a shell's background job, the suite is told to ignore some of these: its tests,
# and the
# pilots they start, are to hear them all the same.
for signum in STOP_SIGNALS:
    if signal.getsignal(signum) == signal.SIG_IGN:
        signal.signal(
            signum, signal.default_int_handler if signum == signal.SIGINT else signal.SIG_DFL
        )


LONG_MODULES = (
    "test_bundle",
    "test_dialect",
    "test_tornado",
    "test_readme",
    "test_credentials",
)


def pytest_collection_modifyitems(items):
    """What takes longest begins first: no worker is left alone with it at the end."""
    slow = [
        item
        for item in items
        if item.get_closest_marker("slow")
        or item.module.__name__.rpartition(".")[2] in LONG_MODULES
    ]
    first = set(slow)
    quick = [item for item in items if item not in first]
    # the first quarter is what the workers get first, each a part of it
    step = max(1, len(quick) // 4 // max(1, len(slow)))
    items[:] = [
        item for at in range(len(slow)) for item in [slow[at]] + quick[at * step : (at + 1) * step]
    ] + quick[len(slow) * step :]


@pytest.fixture(autouse=True)
def same_umask():
    """What a server that ran within a test has set is not the next test's."""
    former = os.umask(0o022)
    yield
    os.umask(former)


@pytest.fixture(autouse=True)
def no_home(tmp_path_factory, monkeypatch):
    """No test reads or writes the developer's home or temporary folder by accident."""
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("TMPDIR", str(home))
    for name in list(os.environ):
        if name.startswith(("PILOT_", "SLURM_", "PBS_", "_CONDOR", "X509_", "BEARER_")) or name in (
            "MACHINEFEATURES",
            "JOBFEATURES",
        ):
            monkeypatch.delenv(name)


class FakePrograms:
    """Programs made of shell text, first on PATH; each call's arguments are kept."""

    def __init__(self, folder):
        self.folder = folder

    def make(self, name, text):
        path = self.folder / name
        path.write_text("#!/bin/sh\nprintf '%%s\\n' \"$*\" >> '%s.calls'\n%s\n" % (path, text))
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        return str(path)

    def calls(self, name):
        log = self.folder / (name + ".calls")
        return log.read_text().splitlines() if log.exists() else []


@pytest.fixture
def programs(tmp_path, monkeypatch):
    folder = tmp_path / "programs"
    folder.mkdir()
    monkeypatch.setenv("PATH", "%s%s%s" % (folder, os.pathsep, os.environ["PATH"]))
    return FakePrograms(folder)


class Ended:
    """How a pilot ended, and what it left."""

    def __init__(self, code, out, err, workdir):
        self.code, self.out, self.err, self.workdir = code, out, err, Path(workdir)

    @property
    def report(self):
        return json.loads((self.workdir / "pilot-report.json").read_text())

    @property
    def events(self):
        return [
            json.loads(line)
            for line in (self.workdir / "pilot-events.jsonl").read_text().splitlines()
        ]

    def status(self, command):
        return next(row["status"] for row in self.report["commands"] if row["command"] == command)


@pytest.fixture
def pilot(tmp_path):
    """Runs pilot.py as a child in a folder of its own: `pilot("-X", "CheckWorkerNode")`."""
    workdir = tmp_path / "work"

    def run(*words, **how):
        how.setdefault("cwd", str(tmp_path))
        how.setdefault("stdin", subprocess.DEVNULL)
        timeout = how.pop("timeout", 120)
        entry = how.pop("entry", [sys.executable, str(ROOT / "pilot.py")])
        place = how.pop("workdir", workdir)
        where = [] if place is None else ["--workdir", str(place)]
        child = subprocess.Popen(
            entry + [str(word) for word in words] + where,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            **how,
        )
        try:
            out, err = child.communicate(timeout=timeout)
        finally:
            child.kill()
        return Ended(
            child.returncode,
            out.decode("utf-8", "replace"),
            err.decode("utf-8", "replace"),
            place or how["cwd"],
        )

    return run


@pytest.fixture
def start_pilot(tmp_path):
    """Starts pilot.py and leaves it running; it is killed at the test's end."""
    children = []

    def start(*words, **how):
        entry = how.pop("entry", [sys.executable, str(ROOT / "pilot.py")])
        log = open(str(tmp_path / ("pilot-%d.out" % len(children))), "wb")
        child = subprocess.Popen(
            entry + [str(word) for word in words],
            stdout=log,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            cwd=str(tmp_path),
            **how,
        )
        log.close()
        children.append(child)
        return child

    yield start
    for child in children:
        if child.poll() is None:
            child.kill()
        child.wait()


@pytest.fixture
def tasks_file(tmp_path):
    """Writes tasks as JSON Lines; returns the path."""

    def write(*tasks):
        path = tmp_path / "tasks.jsonl"
        path.write_text("".join(json.dumps(task) + "\n" for task in tasks))
        return str(path)

    return write


class _Ticks(threading.Thread):
    """A clock that stands while the whole machine does: what a busy host takes from us is not the
    time of what is tested."""

    TICK_S = 0.05

    def __init__(self):
        super().__init__(daemon=True)
        self.count = 0
        self.start()

    def run(self):
        never = threading.Event()  # not time.sleep, which tests may replace
        while not never.wait(self.TICK_S):
            self.count += 1


_ticks = []


def steady():
    """Seconds, to see that something was bounded at all; not a measure of speed (those are in
    benchmarks/)."""
    if not _ticks:
        _ticks.append(_Ticks())
    return _ticks[0].count * _Ticks.TICK_S


def until(condition, timeout=60.0, what="the condition"):
    """Wait for something to become true, with a deadline; returns its value."""
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError("%s did not come true within %g s" % (what, timeout))
        time.sleep(0.01)


@pytest.fixture
def tmpfs(tmp_path):
    """Mounts a small file system, `tmpfs("24m")`, and gives its folder; only root may."""
    mounted = []

    def mount(size):
        place = tmp_path / "small"
        place.mkdir()
        if os.geteuid() != 0 or subprocess.call(
            ["mount", "-t", "tmpfs", "-o", "size=" + size, "tmpfs", str(place)],
            stderr=subprocess.DEVNULL,
        ):
            pytest.skip("a small file system cannot be mounted here (not root)")
        mounted.append(place)
        return place

    yield mount
    for place in mounted:
        subprocess.check_call(["umount", "-l", str(place)])

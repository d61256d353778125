"""The end of the slot, looked after while a command runs long."""

import os
import subprocess
import sys
import time

import pytest

from pilot.command import Command
from pilot.engine import keeper
from pilot.facts import WorkerNode
from pilot.testing import run_command
from tests.conftest import ROOT

# a pilot's process that hears what the keeper's thread sends it, and tells the first of it
KEPT = """
import os, signal, sys
sys.path.insert(0, %r)
from pilot.command import Command, Option
from pilot.engine import keeper
from pilot.facts import WorkerNode
from pilot.testing import run_command
from pilot import values

class Plain(Command):
    "Nothing."
    name = "Plain"
    options = (Option("drain_files", "files", values.words, ()),)

    def run(self, ctx):
        return ()

def hear(signum, frame):
    os.write(1, signal.Signals(signum).name.encode())
    os._exit(0)

keeper.LOOK_S = 0.01
signal.signal(getattr(signal, sys.argv[1]), hear)
other = {"SIGALRM": signal.SIGUSR1, "SIGUSR1": signal.SIGALRM}[sys.argv[1]]
signal.signal(other, signal.SIG_IGN)
ctx = run_command(Plain, ".", {"drain_files": "drain"}).context
Plain.provides = (WorkerNode,)
keeper.begin(ctx, [Plain])
ctx.interrupts.on_long()
print("ready", flush=True)
while True:
    signal.pause()
"""


class Plain(Command):
    """Does nothing."""

    name = "Plain"

    def run(self, ctx):
        return ()


class Looks(Plain):
    """Asks the batch system itself."""

    provides = (WorkerNode,)


@pytest.fixture
def kept(tmp_path):
    """Begins in a slot with this environment; the context after it."""

    def begin(ask=False, settings=None, **environ):
        environ = dict({"PATH": os.environ["PATH"]}, **environ)
        ctx = run_command(Plain, tmp_path, settings, environ=environ).context
        keeper.begin(ctx, [Plain] if ask else [Looks])
        return ctx

    return begin


@pytest.fixture
def process(tmp_path):
    """A process that is looked after and ends with the first signal of this name."""
    children = []

    def start(signal_name, **environ):
        children.append(
            subprocess.Popen(
                [sys.executable, "-c", KEPT % str(ROOT), signal_name],
                cwd=str(tmp_path),
                env=dict(os.environ, **environ),
                stdout=subprocess.PIPE,
            )
        )
        assert children[-1].stdout.readline() == b"ready\n"
        return children[-1]

    yield start
    for child in children:
        child.kill()
        child.wait()
        child.stdout.close()


def test_a_slot_that_tells_no_end_has_none(kept):
    assert kept().deadline.end() is None


def test_the_end_that_features_tell_is_known_at_once(kept, tmp_path):
    (tmp_path / "shutdowntime_job").write_text("%d" % (time.time() + 1000))
    assert kept(JOBFEATURES=str(tmp_path)).deadline.end().source == "JOBFEATURES/shutdowntime_job"


def test_the_end_that_the_environment_tells_is_known_at_once(kept):
    end = kept(SLURM_JOB_ID="7", SLURM_JOB_END_TIME="%d" % (time.time() + 1000)).deadline.end()
    assert end.source == "Slurm (environment)"


def test_the_batch_systems_program_is_asked_where_it_is_wanted(kept, programs):
    programs.make("squeue", "echo 10:00")
    end = kept(True, SLURM_JOB_ID="7", PATH=os.environ["PATH"]).deadline.end()
    assert end.source == "Slurm (squeue)"


def test_the_batch_systems_program_is_not_asked_twice(kept, programs):
    programs.make("squeue", "echo 10:00")
    kept(False, SLURM_JOB_ID="7", PATH=os.environ["PATH"])
    assert programs.calls("squeue") == []


def test_the_earliest_end_counts(kept, tmp_path):
    (tmp_path / "shutdowntime_job").write_text("%d" % (time.time() + 1000))
    ctx = kept(settings={"max_walltime": "500"}, JOBFEATURES=str(tmp_path))
    assert ctx.deadline.end().source == "--max-walltime"


def test_a_drain_file_that_comes_later_is_a_wish_to_drain(process, tmp_path):
    child = process("SIGUSR1")
    (tmp_path / "drain").write_text("")
    assert child.communicate(timeout=60)[0] == b"SIGUSR1"


def test_an_end_that_is_set_later_sets_the_timer_anew(process, tmp_path):
    child = process("SIGALRM", MACHINEFEATURES=str(tmp_path))
    (tmp_path / "shutdowntime").write_text("%d" % (time.time() + 1000))
    assert child.communicate(timeout=60)[0] == b"SIGALRM"

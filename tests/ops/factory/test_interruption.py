"""A signal ends waits, and nothing else."""

import subprocess
import sys

import pytest

from pilot.ops.factory.interruption import Interrupted, interrupt, interruptible
from tests.conftest import ROOT


def test_a_wait_is_interrupted_once():
    with pytest.raises(Interrupted, match="the factory ends"):
        with interruptible():
            interrupt()
    interrupt()  # nothing waits


def test_elsewhere_nothing_is_interrupted():
    with interruptible():
        pass
    interrupt()


def test_a_command_that_runs_is_ended():
    code = (
        "import signal\n"
        "from pilot.ops.factory.backends.commands import ask_command\n"
        "from pilot.ops.factory.interruption import interrupt\n"
        "from pilot.ops.factory.jobs import NoAnswer\n"
        "signal.signal(signal.SIGALRM, lambda *_: interrupt())\n"
        "signal.setitimer(signal.ITIMER_REAL, 0.2)\n"
        "try:\n    ask_command(['sleep', '600'], {'PATH': '/usr/bin:/bin'})\n"
        "except NoAnswer as error:\n    print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=str(ROOT), stdout=subprocess.PIPE, timeout=60
    )
    assert done.stdout == b"sleep: the factory ends\n"
    assert done.returncode == 0

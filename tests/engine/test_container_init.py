"""The pilot as process 1 of a container: signals once, orphans collected, its end told."""

import os
import pty
import select
import shutil
import signal
import subprocess
import sys
import time

import pytest

from pilot.base import process_tree
from tests.conftest import ROOT, until

AS_ONE = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"]
LAUNCH = ("-X", "CheckWorkerNode,LaunchAgent", "--execute")
ORPHANS = """
for n in 1 2 3 4 5; do sh -c 'true &'; done   # five whose parent is gone before they are
for n in $(seq 200); do grep -qs '^State:.Z' /proc/[0-9]*/status || exit 0; sleep 0.02; done
echo "not collected:"; grep -s '^State:.Z' /proc/[0-9]*/status; exit 1
"""


@pytest.fixture
def entry():
    """Starts the pilot as process 1 of a process namespace."""
    if (
        os.geteuid() != 0
        or not shutil.which("unshare")
        or subprocess.call(AS_ONE + ["true"], stderr=subprocess.DEVNULL)
    ):
        pytest.skip("no process namespaces here (root, unshare)")
    return AS_ONE + [sys.executable, str(ROOT / "pilot.py")]


@pytest.fixture
def program(tmp_path):
    """A shell script as the pilot's agent."""
    def write(text):
        path = tmp_path / "agent.sh"
        path.write_text("#!/bin/sh\n" + text)
        path.chmod(0o755)
        return str(path)
    return write


def test_what_programs_leave_behind_is_collected(pilot, program, entry):
    ended = pilot(*LAUNCH, program(ORPHANS), entry=entry)
    assert ended.code == 0, ended.out


@pytest.mark.parametrize(
    "text, code",
    [
        ("kill -TERM 1; exec sleep 60", 143),
        ("exit 3", 40),
        ("kill -KILL $PPID; exec sleep 60", 137),
    ],
)
def test_process_1_ends_as_the_pilot_ends(pilot, program, entry, text, code):
    assert pilot(*LAUNCH, program(text), entry=entry).code == code


HEARS = """
import os, signal, sys
from pilot.engine import container_init
container_init.step_aside()
os.setpgid(0, 0)  # out of the terminal's sight: what is heard now was passed on
signals = [signal.SIGINT, signal.SIGTERM]
signal.pthread_sigmask(signal.SIG_BLOCK, signals)
print("ready", flush=True)
heard = []
while signal.SIGTERM not in heard:
    heard.append(signal.sigwait(signals))
print("heard", [int(signum) for signum in heard], flush=True)
"""


@pytest.fixture
def at_a_terminal(entry):
    """Starts a command at a pseudo-terminal; our end of that is given, too."""
    started = []

    def start(*words):
        ours, theirs = pty.openpty()
        child = subprocess.Popen(
            words,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env=dict(os.environ, PYTHONPATH=str(ROOT)),
        )
        os.close(theirs)
        started.append(child)
        return child, ours
    yield start
    for child in started:
        child.kill()
        child.wait()


def test_a_terminals_signal_is_not_passed_on(at_a_terminal):
    """Its whole foreground group gets it from the terminal: passed on as well, it would be the
    second one, which hurries."""
    child, terminal = at_a_terminal("setsid", "-c", *(AS_ONE + [sys.executable, "-c", HEARS]))
    _read_until(terminal, b"ready")
    os.write(terminal, b"\x03")
    _read_until(terminal, b"^C")  # the terminal tells it once it has sent the signal
    os.kill(process_tree.descendants(child.pid)[0].pid, signal.SIGTERM)
    assert b"heard [15]" in _read_until(terminal, b"]")
    assert child.wait(timeout=20) == 0
    os.close(terminal)


def test_a_terminals_hangup_is(at_a_terminal, program, tmp_path):
    """It goes to the leader of the session alone. The leader must be process 1: setsid is called
    inside."""
    script = program("touch %s/started; exec sleep 60" % tmp_path)
    pilot = (
        [sys.executable, str(ROOT / "pilot.py")]
        + list(LAUNCH)
        + [script, "--workdir", str(tmp_path / "w")]
    )
    child, terminal = at_a_terminal(*(AS_ONE + ["setsid", "-c"] + pilot))
    until((tmp_path / "started").exists)
    os.close(terminal)
    assert child.wait(timeout=20) == 129


def test_children_that_the_starter_lets_vanish_are_heard_of(pilot, entry):
    """Who starts us may have SIGCHLD ignored, and a program inherits that."""
    ignoring = [
        sys.executable,
        "-c",
        "import os, signal, sys; signal.signal(signal.SIGCHLD, signal.SIG_IGN)\n"
        "os.execv(sys.argv[1], sys.argv[1:])",
    ]
    assert (
        pilot(
            "--list", entry=AS_ONE + ignoring + entry[len(AS_ONE) :], workdir=None, timeout=20
        ).code
        == 0
    )


def _read_until(terminal, text):
    told, deadline = b"", time.monotonic() + 20
    while text not in told:
        assert select.select([terminal], [], [], max(0.0, deadline - time.monotonic()))[0], told
        told += os.read(terminal, 4096)
    return told

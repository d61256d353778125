"""Each system's own way to end a job, played to a pilot with a payload that does not want to end:
the essential report within a second, the payload dead within four, whatever the order of the
signals."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from pilot.base import process_tree
from tests.conftest import ROOT, steady, until

STUBBORN = "trap '' TERM INT HUP USR1 USR2; (setsid sleep 303 &); echo $$ > %s/new; mv %s/new %s/pid; while :; do sleep 1; done"
T, I, H, X, C, K = (
    signal.SIGTERM,
    signal.SIGINT,
    signal.SIGHUP,
    signal.SIGXCPU,
    signal.SIGCONT,
    signal.SIGKILL,
)
# (system, [(seconds after the one before, signal)], exit code); the long waits between warning and
# kill are what we must not need
SEQUENCES = [
    ("Slurm: scancel", [(0, C), (0, T)], 143),
    ("HTCondor: vacate", [(0, T)], 143),
    ("HTCondor: a KillSig of its own", [(0, I)], 130),
    ("Kubernetes: process 1 alone", [(0, T)], 143),
    ("PBS: kill_delay", [(0, T)], 143),
    ("Flux: kill-timeout", [(0, T)], 143),
    ("Grid Engine: s_cpu", [(0, X)], 152),
    ("LSF: bkill", [(0, I), (1.0, T)], 130),
    ("LSF: CPULIMIT", [(0, X), (0.2, I), (1.0, T)], 152),
    ("BOINC: quit", [(0, T), (1.0, T)], 143),
    ("a terminal that closes", [(0, H), (0, C)], 129),
    ("ARC, impatient", [(0, T), (0.1, T), (0.1, T)], 143),
    ("all at once", [(0, H), (0, I), (0, T), (0, X)], None),
]


def alive(pid):
    found = process_tree.look_up(pid)
    return found is not None and found.state != "Z"


@pytest.fixture
def job(tmp_path, start_pilot, tasks_file):
    """A pilot at work; gives the child, the payload's pid, and everything it started."""
    path = tasks_file({"id": "a", "script": STUBBORN % ((tmp_path,) * 3), "max_attempts": 3})
    child = start_pilot(
        "-X", "CheckWorkerNode,LaunchAgent", "--tasks", path, "--workdir", str(tmp_path / "w")
    )
    payload = int(until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text()))
    return child, payload, process_tree.descendants(child.pid)


def play(child, sequence):
    """Signals with their pauses, until the child has ended."""
    for pause, number in sequence:
        due = time.monotonic() + pause
        until(
            lambda: child.poll() is not None or time.monotonic() >= due,
            what="the next signal's time",
        )
        if child.poll() is None:
            child.send_signal(number)


@pytest.mark.parametrize("system, sequence, code", SEQUENCES, ids=[row[0] for row in SEQUENCES])
def test_the_end_is_in_time_and_leaves_nothing(job, tmp_path, system, sequence, code):
    child, payload, tree = job
    report = tmp_path / "w" / "pilot-report.json"
    assert not report.exists()
    first = 2 if sequence[0][1] == C else 1
    play(child, sequence[:first])
    began = steady()
    until(report.exists, 5, "the essential report")
    assert steady() - began < 1.0 and json.loads(report.read_text())["exit_code"] > 128
    play(child, sequence[first:])
    until(lambda: not alive(payload), 10, "the end of the payload")
    assert steady() - began < 4.5
    assert child.wait(timeout=60) == code or (
        code is None and child.returncode in (129, 130, 143, 152)
    )
    until(lambda: not [p for p in tree if alive(p.pid)], 5, "the end of all that ran")
    events = [
        json.loads(line)
        for line in (tmp_path / "w" / "pilot-events.jsonl").read_text().splitlines()
    ]
    assert [event["outcome"] for event in events if event["event"] == "task finished"] == [
        "released"
    ]
    assert (
        events[-1]["event"] == "pilot finished"
        and json.loads(report.read_text())["exit_code"] == child.returncode
    )


@pytest.mark.parametrize(
    "system, warning",
    [
        ("Grid Engine: -notify", signal.SIGUSR2),
        ("Grid Engine: s_rt", signal.SIGUSR1),
        ("Slurm: --signal=B:USR1", signal.SIGUSR1),
        ("OAR: --checkpoint", signal.SIGUSR2),
    ],
)
def test_a_warning_drains_and_a_kill_that_follows_leaves_nothing(job, tmp_path, system, warning):
    child, payload, tree = job
    child.send_signal(warning)
    until(lambda: "draining" in (tmp_path / "w" / "pilot.log").read_text())
    assert alive(payload) and child.poll() is None
    # the whole group of the batch system's job is only the pilot: what it started has sessions of
    # its own
    child.send_signal(K)
    child.wait()
    until(
        lambda: not alive(payload) and not [p for p in tree if alive(p.pid)],
        8,
        "the end of all that ran",
    )


def test_a_stop_after_a_suspension_is_heard(job, tmp_path):
    child, payload, tree = job
    for process in tree + [process_tree.look_up(child.pid)]:
        process_tree.send([process], signal.SIGSTOP)
    child.terminate()
    for process in tree + [process_tree.look_up(child.pid)]:
        process_tree.send([process], signal.SIGCONT)
    assert child.wait(timeout=60) == 143 and not alive(payload)


@pytest.fixture
def listener():
    """A server of events, as dumb as can be: what was posted, and when, by the monotonic clock."""
    found = []

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *words):
            pass

        def do_POST(self):
            posted = json.loads(self.rfile.read(int(self.headers["Content-Length"])).decode())[
                "events"
            ]
            found.extend((event["event"], time.monotonic()) for event in posted)
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

    http = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=http.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield "http://127.0.0.1:%d" % http.server_port, found
    http.shutdown()
    http.server_close()
    thread.join()


@pytest.mark.slow
def test_the_essential_words_are_out_within_a_second_whatever_the_payload_does(
    tmp_path, start_pilot, tasks_file, listener
):
    url, told = listener
    outputs = tmp_path / "jo"
    outputs.mkdir()
    path = tasks_file({"id": "a", "script": STUBBORN % ((tmp_path,) * 3)})
    child = start_pilot(
        "-X",
        "CheckWorkerNode,LaunchAgent",
        "--tasks",
        path,
        "--workdir",
        str(tmp_path / "w"),
        "--events",
        url,
        env=dict(os.environ, JOBOUTPUTS=str(outputs)),
    )
    payload = int(until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text()))
    until(
        lambda: [kind for kind, _ in told if kind == "task started"]
        and time.monotonic() - told[-1][1] > 1.1,
        what="a quiet moment: what happens in a second travels together",
    )
    assert not (outputs / "shutdown_message").exists()
    child.terminate()
    began = steady()
    until(
        lambda: (outputs / "shutdown_message").exists()
        and [kind for kind, _ in told if kind == "pilot stopping"],
        5,
        "both words",
    )
    assert steady() - began < 1.0 and (outputs / "shutdown_message").read_text().startswith("100 ")
    assert alive(payload) and child.poll() is None  # it is not the payload's end that they tell
    assert child.wait(timeout=60) == 143 and "pilot finished" in [kind for kind, _ in told]


ORPHANS = (
    "for n in 1 2 3 4 5; do (setsid sh -c ': an orphan; touch %s/orphan-'$n &); done; trap '' TERM; (setsid sleep 303 &); "
    "touch %s/started; while :; do sleep 1; done"
)


def test_as_process_1_it_hears_the_end_and_reaps_what_payloads_orphan(
    tmp_path, start_pilot, tasks_file
):
    """As in a pod: no signal does anything to process 1 by default, and every orphan is its own to
    bury."""
    unshare = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"]
    if (
        os.geteuid() != 0
        or not shutil.which("unshare")
        or subprocess.call(unshare + ["true"], stderr=subprocess.DEVNULL)
    ):
        pytest.skip("no process namespaces here (root, unshare)")
    path = tasks_file({"id": "a", "script": ORPHANS % ((tmp_path,) * 2), "max_attempts": 3})
    child = start_pilot(
        "-X",
        "CheckWorkerNode,LaunchAgent",
        "--tasks",
        path,
        "--workdir",
        str(tmp_path / "w"),
        entry=unshare + [sys.executable, str(ROOT / "pilot.py")],
    )
    until(lambda: (tmp_path / "started").exists() and len(list(tmp_path.glob("orphan-*"))) == 5)

    def unburied(one):
        try:
            return (
                one.state == "Z"
                or b": an orphan" in Path("/proc/%d/cmdline" % one.pid).read_bytes()
            )
        except OSError:
            return False

    until(
        lambda: not [p for p in process_tree.descendants(child.pid) if unburied(p)],
        5,
        "the burial of the orphans",
    )
    tree = process_tree.descendants(child.pid)
    assert len(tree) >= 5  # pilot, agent, its warden, the payload, its stray
    os.kill(tree[0].pid, signal.SIGTERM)
    assert (
        child.wait(timeout=60) == 143
        and json.loads((tmp_path / "w" / "pilot-report.json").read_text())["exit_code"] == 143
    )
    assert not [p for p in tree if process_tree.look_up(p.pid)]  # no zombie either
    events = [
        json.loads(line)
        for line in (tmp_path / "w" / "pilot-events.jsonl").read_text().splitlines()
    ]
    assert [event["outcome"] for event in events if event["event"] == "task finished"] == [
        "released"
    ]

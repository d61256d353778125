"""The real BOINC client runs what `pilot.ship boinc` writes, as a native application of a project
on loopback."""

import json
import os
import re
import subprocess
import sys
import time

import pytest

from pilot.base import process_tree
from tests.conftest import ROOT, until
from tests.real.conftest import need, script

LONG = "echo $$ > %s/pid.new; mv %s/pid.new %s/pid; exec sleep 300"


@pytest.fixture
def boinc(base, tmp_path):
    """Starts the client with a pilot for these tasks; gives its folder."""
    need("boinc", "boinccmd")
    up = []

    base.chmod(0o777)  # payloads of root's pilot are nobody's

    def start(tasks, *words):
        path = base / "tasks.jsonl"
        path.write_text("".join(json.dumps(task) + "\n" for task in tasks))
        shipped = base / "shipped"
        subprocess.check_call(
            [
                sys.executable,
                "-m",
                "pilot.ship",
                "boinc",
                "-o",
                str(shipped),
                "--",
                "-X",
                "CheckWorkerNode,LaunchAgent",
                "--tasks",
                str(path),
            ]
            + list(words),
            cwd=str(ROOT),
            stdout=subprocess.DEVNULL,
        )
        up.append(1)
        script("boinc.sh", "up", base / "b", shipped)
        return base / "b"

    yield start
    if up:
        script("boinc.sh", "down", base / "b")


def log(folder):
    return (folder / "client.log").read_text(errors="replace")


def read(path):
    return path.read_text(errors="replace") if path.exists() else ""


def alive(pid):
    found = process_tree.look_up(pid)
    return found is not None and found.state != "Z"


def test_a_result_is_computed_uploaded_and_reported(boinc):
    folder = boinc(
        [{"id": "a", "command": ["echo", "hello"]}, {"id": "b", "command": ["sleep", "1"]}]
    )
    until(
        lambda: "<state>5</state>" in read(folder / "reported.xml")
        or "res1" in read(folder / "reported.xml"),
        90,
        "the report of the result",
    )
    told = read(folder / "reported.xml")
    assert re.search(r"<exit_status>0</exit_status>", told), told
    uploaded = read(folder / "uploaded.txt")
    assert '"done": 2' in uploaded and '"exit_code": 0' in uploaded


def test_the_client_sees_progress_suspends_resumes_and_aborts(boinc, base):
    folder = boinc(
        [
            {"id": "a", "command": ["true"], "priority": 1},
            {"id": "b", "script": LONG % ((base,) * 3)},
        ],
        "--slots",
        "1",
    )
    until(lambda: (base / "pid").exists(), 60, "the payload's start")
    payload = int((base / "pid").read_text())
    until(
        lambda: "fraction done: 0.500000" in script("boinc.sh", "tasks", folder),
        30,
        "the fraction done at the client",
    )
    script("boinc.sh", "task", folder, "res1", "suspend")
    until(lambda: process_tree.look_up(payload).state == "T", 30, "the suspended payload")
    script("boinc.sh", "task", folder, "res1", "resume")
    until(lambda: process_tree.look_up(payload).state == "S", 30, "the resumed payload")
    slot = next((folder / "client" / "slots").iterdir())
    pilots = [
        p.pid
        for p in process_tree.everything()
        if os.path.exists("/proc/%d/cwd" % p.pid)
        and os.path.realpath("/proc/%d/cwd" % p.pid) == str(slot)
    ]
    assert pilots
    script("boinc.sh", "task", folder, "res1", "abort")
    until(
        lambda: not alive(payload) and not [pid for pid in pilots if alive(pid)],
        30,
        "the end of all",
    )
    until(
        lambda: "res1 aborted" in log(folder) or "aborted by user" in log(folder),
        30,
        "the client's word",
    )


def test_without_work_the_client_postpones_the_task(boinc):
    folder = boinc([])
    until(lambda: "no work in the task queue" in log(folder), 60, "the client's word")
    assert re.search(r"postponed for \d+ seconds: no work in the task queue", log(folder))


def test_a_client_that_quits_leaves_nothing_running(boinc, base):
    (base / "pid").unlink() if (base / "pid").exists() else None
    folder = boinc([{"id": "b", "script": LONG % ((base,) * 3)}])
    until(lambda: (base / "pid").exists(), 60, "the payload's start")
    payload = int((base / "pid").read_text())
    os.kill(int((folder / "client.pid").read_text()), 15)
    began = time.monotonic()
    until(lambda: not alive(payload), 30, "the end of the payload")
    assert time.monotonic() - began < 25

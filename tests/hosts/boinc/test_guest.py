"""A pilot in a BOINC slot, with a client that the test plays; the real client is in tests/real."""

import json
import mmap
import os
import signal
import subprocess
import sys
import time

import pytest

from pilot.base import process_tree
from pilot.hosts.boinc import channels, guest, slot
from tests.conftest import ROOT, steady, until

INIT = (
    "<app_init_data>\n<app_name>pilot</app_name>\n<result_name>res1</result_name>\n"
    "<authenticator>hunter22</authenticator>\n<client_pid>%d</client_pid>\n</app_init_data>\n"
)


class Client:
    """The client's side of a slot."""

    def __init__(self, folder):
        self.folder = folder
        (folder / "init_data.xml").write_text(INIT % os.getpid())
        (folder / "boinc_mmap_file").write_bytes(b"\0" * 8192)
        (folder / "out").write_text("<soft_link>result.json</soft_link>\n")
        with open(str(folder / "boinc_mmap_file"), "r+b") as stream:
            self.memory = mmap.mmap(stream.fileno(), 8192)
        self.child = None

    def say(self, text):
        data = text.encode() + b"\0"
        self.memory[1:1 + len(data)] = data
        self.memory[0:1] = b"\1"

    def status(self):
        at = channels.STATUS * 1024
        if not self.memory[at]:
            return ""
        text = self.memory[at + 1:at + 1024].split(b"\0")[0].decode()
        self.memory[at:at + 1] = b"\0"
        return text

    def start(self, *words, tasks=()):
        path = self.folder / "tasks.jsonl"
        path.write_text("".join(json.dumps(task) + "\n" for task in tasks))
        with open(str(self.folder / "log"), "wb") as log:
            self.child = subprocess.Popen(
                [
                    sys.executable,
                    str(ROOT / "pilot.py"),
                    "-X",
                    "CheckWorkerNode,LaunchAgent",
                    "--tasks",
                    str(path),
                    "--report",
                    "out",
                ]
                + list(words),
                cwd=str(self.folder),
                stdout=log,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
            )
        return self.child

    def payload(self):
        return int(
            until(lambda: (self.folder / "pid").exists() and (self.folder / "pid").read_text())
        )


@pytest.fixture
def client(tmp_path):
    one = Client(tmp_path)
    yield one
    if one.child is not None and one.child.poll() is None:
        one.child.send_signal(signal.SIGCONT)
        one.child.kill()
        one.child.wait()
    one.memory.close()


def sleeper(folder):
    return {
        "id": "long",
        "script": "echo $$ > %s/new; mv %s/new %s/pid; exec sleep 300" % ((folder,) * 3),
    }


def state(pid):
    found = process_tree.look_up(pid)
    return "" if found is None else found.state


def test_a_result_is_finished_with_its_report_behind_the_soft_link(client):
    client.start(tasks=[{"id": "a", "command": ["true"]}])
    assert client.child.wait(timeout=30) == 0
    assert (client.folder / "boinc_finish_called").read_text() == "0\n"
    assert not (client.folder / "boinc_temporary_exit").exists()
    assert json.loads((client.folder / "result.json").read_text())["tasks"]["done"] == 1
    assert "soft_link" in (client.folder / "out").read_text()
    assert (
        "hunter22"
        not in (client.folder / "log").read_text() + (client.folder / "result.json").read_text()
    )


def test_without_work_the_task_is_postponed(client):
    client.start()
    assert client.child.wait(timeout=30) == 0
    delay, reason = (client.folder / "boinc_temporary_exit").read_text().splitlines()
    assert int(delay) > 0
    assert reason == "no work in the task queue"
    assert not (client.folder / "boinc_finish_called").exists()


def test_a_node_that_is_unfit_is_a_failed_result(client):
    client.start("--min-memory-mb", "99999999", tasks=[{"id": "a", "command": ["true"]}])
    assert client.child.wait(timeout=30) == slot.INIT_FAILURE
    assert (client.folder / "boinc_finish_called").read_text() == "206\n"


def test_the_client_hears_how_far_it_is(client):
    client.start(
        "--slots",
        "1",
        tasks=[{"id": "a", "command": ["true"], "priority": 1}, sleeper(client.folder)],
    )
    client.payload()
    told = until(
        lambda: (lambda text: text if "<fraction_done>5.0" in text else "")(client.status())
    )
    assert "<current_cpu_time>" in told
    assert "<checkpoint_cpu_time>" in told
    client.say("<quit/>")
    assert client.child.wait(timeout=60) == 0


def test_suspended_nothing_runs_on_and_resumed_it_goes_on(client):
    client.start(tasks=[sleeper(client.folder)])
    payload = client.payload()
    client.say("<suspend/>")
    until(lambda: state(payload) == "T")
    client.say("<resume/>")
    until(lambda: state(payload) == "S")
    client.say("<suspend/>")
    until(lambda: state(payload) == "T")
    client.say("<quit/>")  # also while it is suspended
    assert client.child.wait(timeout=60) == 0
    assert state(payload) in ("", "Z")
    assert not (client.folder / "boinc_finish_called").exists()
    assert not (client.folder / "boinc_temporary_exit").exists()


def test_what_is_started_while_suspended_is_held_too(client):
    client.start(tasks=[sleeper(client.folder)])
    client.payload()
    client.say("<suspend/>")
    agent = until(
        lambda: [
            p
            for p in process_tree.descendants(client.child.pid)
            if p.state == "T" and p.parent == client.child.pid
        ]
    )[0]
    # as good as a new process; it runs at once, until it is seen
    os.kill(agent.pid, signal.SIGCONT)
    until(lambda: state(agent.pid) == "T")
    client.say("<quit/>")
    assert client.child.wait(timeout=60) == 0


@pytest.mark.parametrize(
    "init, memory",
    [
        ("<app_init_data></app_init_data>", 8192),
        ("<client_pid>x</client_pid>", 8192),
        (INIT % os.getpid(), 100),
    ],
    ids=["empty", "bad pid", "whole"],
)
def test_a_slot_with_odd_files_is_no_trouble(client, init, memory):
    (client.folder / "init_data.xml").write_text(init)
    (client.folder / "boinc_mmap_file").write_bytes(b"\0" * memory)
    client.start(tasks=[{"id": "a", "command": ["sleep", "1"]}])
    assert client.child.wait(timeout=30) == 0
    assert "Traceback" not in (client.folder / "log").read_text()


def test_an_abort_leaves_nothing_running(client):
    client.start(
        tasks=[
            {
                "id": "a",
                "script": "trap '' TERM; (setsid sleep 301 &) ; echo $$ > %s/new;"
                " mv %s/new %s/pid; while :; do sleep 1; done"
                % ((client.folder,) * 3),
            }
        ]
    )
    payload = client.payload()
    before = process_tree.descendants(client.child.pid)
    client.say("<abort/>")
    began = steady()
    assert client.child.wait(timeout=60) == slot.ABORTED
    assert steady() - began < 8
    until(lambda: all(state(p.pid) in ("", "Z") for p in before) and state(payload) in ("", "Z"))


def test_a_client_that_is_silent_is_gone(client, monkeypatch, tmp_path):
    (client.folder / "init_data.xml").write_text(INIT % 2 ** 22)
    client.start(tasks=[sleeper(client.folder)])
    assert client.child.wait(timeout=30) == 0


@pytest.mark.slow
def test_a_client_that_lives_but_says_nothing_is_gone_too(client):
    path = client.folder / "tasks.jsonl"
    path.write_text(json.dumps(sleeper(client.folder)) + "\n")
    code = (
        "import sys; sys.path.insert(0, sys.argv.pop(1))\n"
        "from pilot.hosts.boinc import client\nclient.BEAT_S = 3.0\n"
        "from pilot.__main__ import main\nsys.exit(main())"
    )
    with open(str(client.folder / "log"), "wb") as log:
        client.child = subprocess.Popen(
            [
                sys.executable,
                "-c",
                code,
                str(ROOT),
                "-X",
                "CheckWorkerNode,LaunchAgent",
                "--tasks",
                str(path),
            ],
            cwd=str(client.folder),
            stdout=log,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
        )
    due, at = time.monotonic() + 5.0, channels.HEARTBEAT * 1024

    def beaten():
        client.memory[at + 1:at + 14] = b"<heartbeat/>\0"
        client.memory[at:at + 1] = b"\1"
        return client.child.poll() is not None or time.monotonic() > due

    payload = client.payload()
    until(beaten, what="the end of the beats")
    assert client.child.poll() is None
    assert state(payload) == "S"
    assert client.child.wait(timeout=20) == 0
    assert time.monotonic() - due > 2.0
    assert state(payload) in ("", "Z")
    # it is started again
    assert not (client.folder / "boinc_finish_called").exists()
    assert not (client.folder / "boinc_temporary_exit").exists()


def test_under_the_wrapper_it_leaves_lock_and_memory_alone_and_writes_the_files(client):
    import fcntl
    with open(str(client.folder / "boinc_lockfile"), "w") as lock:
        fcntl.lockf(lock, fcntl.LOCK_EX)
        client.start(
            "--boinc-fraction-file",
            "fraction_done",
            "--boinc-checkpoint-file",
            "checkpoint",
            "--slots",
            "1",
            tasks=[{"id": "a", "command": ["true"], "priority": 1}, sleeper(client.folder)],
        )
        payload = client.payload()
        until(
            lambda: (client.folder / "fraction_done").exists()
            and float((client.folder / "fraction_done").read_text()) == 0.5
        )
        until((client.folder / "checkpoint").exists)
        client.child.send_signal(signal.SIGTSTP)
        until(lambda: state(payload) == "T")
        client.child.send_signal(signal.SIGCONT)
        until(lambda: state(payload) == "S")
        client.child.send_signal(signal.SIGTSTP)
        until(lambda: state(payload) == "T")
        client.child.terminate()  # in mid-suspension, too, it ends well
        assert client.child.wait(timeout=60) == 143
        assert '"released": 1' in (client.folder / "result.json").read_text()
        assert client.status() == ""
        assert not (client.folder / "boinc_finish_called").exists()


def test_a_wrapper_that_is_killed_takes_the_pilot_along(client):
    import fcntl
    with open(str(client.folder / "boinc_lockfile"), "w") as lock:
        fcntl.lockf(lock, fcntl.LOCK_EX)
        path = client.folder / "tasks.jsonl"
        path.write_text(json.dumps(sleeper(client.folder)) + "\n")
        wrapper = subprocess.Popen(
            [
                sys.executable,
                "-c",
                "import subprocess, sys; subprocess.call(sys.argv[1:])",
                sys.executable,
                str(ROOT / "pilot.py"),
                "-X",
                "CheckWorkerNode,LaunchAgent",
                "--tasks",
                str(path),
            ],
            cwd=str(client.folder),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        payload = client.payload()
        pilot = process_tree.descendants(wrapper.pid)[0]
        wrapper.kill()
        wrapper.wait()
        until(lambda: state(payload) in ("", "Z") and state(pilot.pid) in ("", "Z"))


@pytest.mark.parametrize(
    "tasks, expected",
    [
        ([{"id": "a", "command": ["true"]}], ("completion", ["0", "0", "no reason was given"])),
        ([], ("temporary_exit", None)),
    ],
)
def test_in_a_virtual_machine_the_trigger_files_are_written(tmp_path, tasks, expected):
    shared = tmp_path / "shared"
    shared.mkdir()
    path = tmp_path / "tasks.jsonl"
    path.write_text("".join(json.dumps(task) + "\n" for task in tasks))
    words = [
        word
        for name in ("heartbeat", "fraction", "completion", "temporary_exit")
        for word in ("--boinc-%s-file" % name.replace("_", "-"), str(shared / name))
    ]
    done = subprocess.run(
        [
            sys.executable,
            str(ROOT / "pilot.py"),
            "-X",
            "CheckWorkerNode,LaunchAgent",
            "--tasks",
            str(path),
        ]
        + words,
        cwd=str(tmp_path),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    assert done.returncode == 0, done.stdout.decode()
    assert (shared / "heartbeat").exists(), done.stdout.decode()
    name, lines = expected
    told = (shared / name).read_text().splitlines()
    assert told == lines if lines else told[1:] == ["0", "no work in the task queue"]


def test_the_heartbeats_time_moves_although_nothing_happens(tmp_path):
    beat = tmp_path / "heartbeat"
    one = guest.Guest(str(tmp_path), guest.Files(heartbeat=str(beat)), lambda: (0.5, 0))
    try:
        for _ in range(2):
            before = until(lambda: beat.exists() and beat.stat().st_mtime_ns)
            until(lambda: beat.stat().st_mtime_ns > before, 5, "the next beat")
    finally:
        assert one.write_ending(0, 0, True, "") == 0
    assert [path.name for path in tmp_path.iterdir()] == ["heartbeat"]


@pytest.mark.parametrize("name, tasks", [("completion", 1), ("temporary_exit", 0)])
def test_a_trigger_file_is_there_whole_or_not_at_all(tmp_path, name, tasks):
    """vboxwrapper reads it as soon as it sees it: what is opened by then is another file."""
    trigger = tmp_path / name
    trigger.write_text("of a former life\n")
    one = guest.Guest(
        str(tmp_path),
        guest.Files(
            completion=str(tmp_path / "completion"), temporary_exit=str(tmp_path / "temporary_exit")
        ),
        lambda: (1.0, tasks),
    )
    with open(str(trigger)) as former:
        assert one.write_ending(0, tasks, True, "a\nb") == 0
        assert former.read() == "of a former life\n"
        assert os.fstat(former.fileno()).st_nlink == 0
    assert len(trigger.read_text().splitlines()) == 3
    assert [path.name for path in tmp_path.iterdir()] == [name]

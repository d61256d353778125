import json
import os
import pty
import re
import subprocess
import sys

import pytest

from pilot.events import progress
from tests.conftest import ROOT


def test_how_far_a_pilot_is():
    counts = {"done": 1, "error": 1}
    assert (
        progress.fraction_done({"max_walltime": None}, 50.0, counts, 8) == 0.25
        and progress.fraction_done({"max_walltime": 100.0}, 50.0, counts, 8) == 0.5
    )
    assert (
        progress.fraction_done({"max_walltime": 100.0}, 500.0, counts, None) == 1.0
        and progress.fraction_done({"max_walltime": None}, 5.0, counts, None) == 0.0
    )


def test_how_many_tasks_there_are(tmp_path):
    (tmp_path / "t").write_text("{}\n\n{}\n{}\n")
    assert (
        progress.count_tasks({"tasks": str(tmp_path / "t"), "max_tasks": None}) == 3
        and progress.count_tasks({"tasks": str(tmp_path / "t"), "max_tasks": 2}) == 2
    )
    assert (
        progress.count_tasks({"tasks": None, "max_tasks": 5}) == 5
        and progress.count_tasks({}) is None
    )


def test_a_bar():
    assert progress.draw_bar(
        {"done": 4, "error": 1}, 2, 10
    ) == "[%s%s] 5 of 10 tasks, 1 failed, 2 running" % ("#" * 15, "." * 15)


def at_a_terminal(tmp_path, *words):
    """What a person sees; returns (code, text)."""
    ours, theirs = pty.openpty()
    child = subprocess.Popen(
        [
            sys.executable,
            str(ROOT / "pilot.py"),
            "-X",
            "CheckWorkerNode,LaunchAgent",
            "--workdir",
            str(tmp_path),
        ]
        + list(words),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    seen = b""
    while True:
        try:
            data = os.read(ours, 65536)
        except OSError:  # the last one has closed it
            break
        if not data:
            break
        seen += data
    os.close(ours)
    return child.wait(timeout=20), seen.decode()


def test_a_person_at_a_terminal_sees_a_bar_and_a_file_does_not(tmp_path, tasks_file, pilot):
    path = tasks_file(*[{"id": "t%d" % n, "command": ["sleep", "0.3"]} for n in range(4)])
    code, seen = at_a_terminal(tmp_path, "--tasks", path, "--slots", "1")
    assert (
        code == 0
        and re.search(r"\[#+\.+\] [1-3] of 4 tasks", seen)
        and "tasks            4 done" in seen
    )
    assert not re.search(
        r"\] \d of 4 tasks[^\r\n]*\n", seen
    ), "a log line was written behind the bar"
    ended = pilot("-X", "CheckWorkerNode,LaunchAgent", "--tasks", path)
    assert "\033[" not in ended.err + ended.out and " of 4 tasks" not in ended.err


def test_one_task_is_run_here_with_its_output_live(tmp_path, pilot):
    (tmp_path / "one.json").write_text('{"script": "echo to stdout; echo to stderr >&2; exit 0"}')
    ended = pilot("--task", tmp_path / "one.json")
    assert (
        ended.code == 0
        and "to stdout\n" in ended.out
        and "to stderr\n" in ended.err
        and ended.report["tasks"]["done"] == 1
    )
    assert ended.status("CPUNormalization") == "skipped"


def test_one_task_that_fails_is_exit_code_40_and_is_not_tried_again(tmp_path, pilot):
    (tmp_path / "one.json").write_text(
        '{"command": ["sh", "-c", "echo oops >&2; exit 3"], "max_attempts": 7}'
    )
    ended = pilot("-X", "CheckWorkerNode,LaunchAgent", "--task", tmp_path / "one.json")
    assert (
        ended.code == 40
        and "the task failed: exit code 3: oops" in ended.err
        and ended.report["tasks"]["error"] == 1
        and ended.report["tasks"]["retried"] == 0
    )


@pytest.mark.parametrize("need", [{"cores": 99999}, {"tags": ["no-such-tag"]}])
def test_one_task_that_cannot_run_here_is_no_success(tmp_path, pilot, need):
    (tmp_path / "one.json").write_text(json.dumps(dict(need, script="true")))
    ended = pilot("-X", "CheckWorkerNode,LaunchAgent", "--task", tmp_path / "one.json")
    assert (
        ended.code == 40 and "the task was not run: tasks left that cannot run here: 1" in ended.err
    )


def test_one_task_that_was_done_before_is_done(tmp_path, pilot):
    (tmp_path / "one.json").write_text(json.dumps({"script": "true"}))
    for _ in range(2):
        assert (
            pilot(
                "-X",
                "CheckWorkerNode,LaunchAgent",
                "--task",
                tmp_path / "one.json",
                "--pilot-id",
                "p",
            ).code
            == 0
        )


def test_its_output_comes_while_it_runs(tmp_path, start_pilot):
    from tests.conftest import until
    (tmp_path / "one.json").write_text(
        '{"script": "echo first; while ! test -e %s/go; do sleep 0.05; done; echo last"}' % tmp_path
    )
    child = start_pilot(
        "-X",
        "CheckWorkerNode,LaunchAgent",
        "--task",
        str(tmp_path / "one.json"),
        "--workdir",
        str(tmp_path / "w"),
    )
    until(lambda: "first\n" in (tmp_path / "pilot-0.out").read_text())
    (tmp_path / "go").write_text("")
    assert child.wait(timeout=20) == 0 and "last\n" in (tmp_path / "pilot-0.out").read_text()


def test_mistakes_in_one_task_are_told(tmp_path, pilot):
    for text, words in (
        ("{}", "either a command or a script"),
        ("[1", "not JSON"),
        ('{"command": ["x"]}\n{"command": ["y"]}', "not JSON"),
    ):
        (tmp_path / "one.json").write_text(text)
        ended = pilot("-X", "CheckWorkerNode,LaunchAgent", "--task", tmp_path / "one.json")
        assert ended.code == 2 and words in ended.err
    ended = pilot("-X", "CheckWorkerNode,LaunchAgent", "--task", tmp_path / "none.json")
    assert ended.code == 2 and "cannot be read" in ended.err
    ended = pilot(
        "-X", "CheckWorkerNode,LaunchAgent", "--task", tmp_path / "one.json", "--pool", "sqlite:x"
    )
    assert ended.code == 2 and "--task is one task alone" in ended.err

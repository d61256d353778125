"""How far a pilot is; one task alone, with its output live."""

import json

import pytest

from pilot.events import progress
from tests.conftest import until


def test_how_far_a_pilot_is():
    counts = {"done": 1, "error": 1}
    assert progress.fraction_done({"max_walltime": None}, 50.0, counts, 8) == 0.25
    assert progress.fraction_done({"max_walltime": 100.0}, 50.0, counts, 8) == 0.5
    assert progress.fraction_done({"max_walltime": 100.0}, 500.0, counts, None) == 1.0
    assert progress.fraction_done({"max_walltime": None}, 5.0, counts, None) == 0.0


def test_how_many_tasks_there_are(tmp_path):
    (tmp_path / "t").write_text("{}\n\n{}\n{}\n")
    assert progress.count_tasks({"tasks": str(tmp_path / "t"), "max_tasks": None}) == 3
    assert progress.count_tasks({"tasks": str(tmp_path / "t"), "max_tasks": 2}) == 2
    assert progress.count_tasks({"tasks": None, "max_tasks": 5}) == 5
    assert progress.count_tasks({}) is None


def test_a_bar():
    assert progress.draw_bar(
        {"done": 4, "error": 1}, 2, 10
    ) == "[%s%s] 5 of 10 tasks, 1 failed, 2 running" % ("#" * 15, "." * 15)


def test_one_task_is_run_here_with_its_output_live(tmp_path, pilot):
    (tmp_path / "one.json").write_text('{"script": "echo to stdout; echo to stderr >&2; exit 0"}')
    ended = pilot("--task", tmp_path / "one.json")
    assert ended.code == 0
    assert "to stdout\n" in ended.out
    assert "to stderr\n" in ended.err
    assert ended.report["tasks"]["done"] == 1
    assert ended.status("CPUNormalization") == "skipped"


def test_one_task_that_fails_is_exit_code_40_and_is_not_tried_again(tmp_path, pilot):
    (tmp_path / "one.json").write_text(
        '{"command": ["sh", "-c", "echo oops >&2; exit 3"], "max_attempts": 7}'
    )
    ended = pilot("-X", "CheckWorkerNode,LaunchAgent", "--task", tmp_path / "one.json")
    assert ended.code == 40
    assert "the task failed: exit code 3: oops" in ended.err
    assert ended.report["tasks"]["error"] == 1
    assert ended.report["tasks"]["retried"] == 0


@pytest.mark.parametrize("need", [{"cores": 99999}, {"tags": ["no-such-tag"]}])
def test_one_task_that_cannot_run_here_is_no_success(tmp_path, pilot, need):
    (tmp_path / "one.json").write_text(json.dumps(dict(need, script="true")))
    ended = pilot("-X", "CheckWorkerNode,LaunchAgent", "--task", tmp_path / "one.json")
    assert ended.code == 40
    assert "the task was not run: tasks left that cannot run here: 1" in ended.err


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
    assert child.wait(timeout=20) == 0
    assert "last\n" in (tmp_path / "pilot-0.out").read_text()


def test_mistakes_in_one_task_are_told(tmp_path, pilot):
    for text, words in (
        ("{}", "either a command or a script"),
        ("[1", "not JSON"),
        ('{"command": ["x"]}\n{"command": ["y"]}', "not JSON"),
    ):
        (tmp_path / "one.json").write_text(text)
        ended = pilot("-X", "CheckWorkerNode,LaunchAgent", "--task", tmp_path / "one.json")
        assert ended.code == 2
        assert words in ended.err
    ended = pilot("-X", "CheckWorkerNode,LaunchAgent", "--task", tmp_path / "none.json")
    assert ended.code == 2
    assert "cannot be read" in ended.err
    ended = pilot(
        "-X", "CheckWorkerNode,LaunchAgent", "--task", tmp_path / "one.json", "--pool", "sqlite:x"
    )
    assert ended.code == 2
    assert "--task runs one task" in ended.err

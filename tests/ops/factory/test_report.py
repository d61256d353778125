"""What an ended pilot left behind."""

import json

import pytest

from pilot.ops.factory.backends import make_backend
from pilot.ops.factory.book import new_pilot
from pilot.ops.factory.report import with_report

PILOT = new_pilot("pabcdefghjkm", 0, "main", "17_0", 0.0)._replace(exit_code=10)


@pytest.fixture
def left(tmp_path):
    """The pilot after it left a report (an object or text) and output."""
    folder = tmp_path / "job-0"
    folder.mkdir()

    def read(report=None, output="", pilot=PILOT):
        if report is not None:
            text = report if isinstance(report, str) else json.dumps(report)
            (folder / "pilot-report.json").write_text(text)
        (folder / "pilot.err").write_text(output)
        return with_report(pilot, make_backend("local", {}, str(tmp_path)), str(tmp_path))

    return read


def test_a_report_has_code_tasks_and_the_reason_of_the_command(left):
    commands = [{"command": "CheckWorkerNode", "exit_code": 10, "reason": "no disk"}]
    after = left({"exit_code": 10, "tasks": {"done": 3}, "commands": commands})
    assert (after.exit_code, after.done, after.reason) == (10, 3, "CheckWorkerNode: no disk")


def test_a_refused_command_line_is_its_sentences(left):
    assert left({"exit_code": 2, "problems": ["a", "b"]}).reason == "a; b"


def test_without_a_report_the_last_line_of_the_output_counts(left):
    assert left(output="one\nTraceback\n\nMemoryError: no memory\n\n").reason == "MemoryError: no memory"


def test_nothing_at_all_leaves_what_the_batch_system_said(left):
    assert left(pilot=PILOT._replace(reason="node down")).reason == "node down"


@pytest.mark.parametrize(
    "report", ["", "[]", "{", '{"tasks": 1, "exit_code": "x", "commands": {}}', "[" * 100000]
)
def test_a_damaged_report_breaks_nothing(left, report):
    assert left(report).exit_code == 10


def test_an_operator_s_terminal_gets_no_escapes(left):
    assert "\x1b" not in left(output="\x1b[2Jgone").reason

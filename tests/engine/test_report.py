"""The report and the summary of a pilot."""

import json

from pilot.engine import report
from pilot.events.tally import TaskTally
from pilot.facts import Installation, Reading
from pilot.engine.report import CommandOutcome

OUTCOMES = [
    CommandOutcome("A", "ok", 0, 1.23456, ""),
    CommandOutcome("B", "failed", 10, 0.1, "1200 MB free"),
    CommandOutcome("C", "skipped", 0, 0.0, ""),
]
TASKS = {"done": 2, "error": 1, "released": 0, "retried": 3, "lost": 0}


def test_the_first_bad_outcome_gives_the_exit_code():
    assert report.final_code(OUTCOMES) == 10
    assert report.final_code(OUTCOMES[:1]) == 0


def test_the_report_has_the_names_that_others_build_on():
    made = report.compose_report(
        "p1",
        10,
        OUTCOMES,
        TASKS,
        [Reading("x", 1)],
        {"a": {"value": (1, 2), "source": "default"}},
        extra=1,
    )
    assert made["pilot"] == "p1"
    assert made["exit_code"] == 10
    assert made["extra"] == 1
    assert made["commands"][0] == {
        "command": "A",
        "status": "ok",
        "exit_code": 0,
        "seconds": 1.235,
        "reason": "",
    }
    assert made["tasks"]["done"] == 2
    assert made["facts"]["Reading"] == {"source": "x", "value": 1}
    assert made["settings"]["a"] == {"value": [1, 2], "source": "default"}
    json.dumps(made)


def test_of_an_environment_only_the_names_are_told():
    made = report.jsonable(Installation("s", "p", {"SECRET_KEY": "value", "A": "b"}))
    assert made["environ"] == ["A", "SECRET_KEY"]
    assert "value" not in json.dumps(made)


def test_writing_is_whole_or_told(tmp_path):
    path = tmp_path / "r.json"
    assert report.write_report(str(path), {"a": 1}) is None
    assert json.loads(path.read_text()) == {"a": 1}
    assert "cannot be written" in report.write_report(str(tmp_path / "no" / "r.json"), {})
    assert [entry.name for entry in tmp_path.iterdir()] == ["r.json"]


def test_the_summary_tells_commands_tasks_places_and_the_code():
    tally = TaskTally()
    tally.counts.update(TASKS)
    tally.end, tally.failures = "no task is left", [
        {"task": "b", "reason": "there is no program x", "folder": "/w/b.1"}
    ]
    text = report.write_summary(10, OUTCOMES, tally, 3.0, {"log": "/w/pilot.log"})
    assert "b: there is no program x (/w/b.1)" in text
    assert "no task is left" in text
    assert text.splitlines()[-1] == "  B: 1200 MB free"
    assert report.write_summary(2, [], tally, 1.0, {}, ["bad X"]).splitlines()[-1] == "  bad X"
    assert "2 done, 1 failed, 0 released, 3 sent back for another try" in text
    assert "/w/pilot.log" in text
    assert "Exit code 10 after 3.0 s: the node is unfit" in text
    assert "1200 MB free" in text


def test_every_code_has_a_meaning():
    assert report.code_meaning(143) == "stopped by SIGTERM"
    assert all(report.code_meaning(code) != "unknown" for code in (0, 1, 2, 10, 20, 30, 40, 50, 60))

"""The tasks of a pilot, counted from its events."""

import pytest

from pilot.events import event as events
from pilot.events.tally import MAX_FAILURES, TaskTally


def ended(task, outcome, **more):
    return dict({"event": events.TASK_FINISHED, "task": task, "outcome": outcome}, **more)


@pytest.fixture
def tally():
    return TaskTally()


def test_the_tally_counts_how_tasks_ended(tally):
    for outcome in ("done", "done", "error", "released", "retried", "other"):
        tally({"event": events.TASK_STARTED, "task": outcome})
        tally(
            {
                "event": events.TASK_FINISHED,
                "task": outcome,
                "outcome": outcome,
                "reason": "r",
                "folder": None,
            }
        )
    tally({"event": events.TASK_STARTED, "task": "x"})
    tally({"event": events.AGENT_FINISHED, "reason": "no task is left"})
    assert tally.running == {"x"}
    assert tally.end == "no task is left"
    assert [failure["task"] for failure in tally.failures] == ["error", "retried"]
    assert tally.counts == {"done": 2, "error": 1, "released": 1, "retried": 1, "lost": 0}


def test_a_task_runs_until_it_has_ended(tally):
    tally({"event": events.TASK_STARTED, "task": "a"})
    tally(ended("a", "done"))
    assert tally.running == set()


def test_a_task_that_ended_without_a_start_is_counted(tally):
    tally(ended("a", "lost"))
    assert tally.counts["lost"] == 1


def test_a_failure_is_kept_with_its_reason_and_folder(tally):
    tally(ended("a", "error", reason="exit code 3", folder="/f", seconds=1.0))
    assert tally.failures == [
        {"task": "a", "outcome": "error", "reason": "exit code 3", "folder": "/f"}
    ]


def test_of_many_failures_the_first_are_kept_and_all_are_counted(tally):
    for number in range(MAX_FAILURES + 5):
        tally(ended("t%d" % number, "error"))
    assert [failure["task"] for failure in tally.failures] == [
        "t%d" % number for number in range(MAX_FAILURES)
    ]
    assert tally.counts["error"] == MAX_FAILURES + 5


def test_other_events_change_nothing(tally):
    tally({"event": events.PILOT_STARTED})
    assert (set(tally.counts.values()), tally.failures, tally.end) == ({0}, [], "")

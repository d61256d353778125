"""Events as log lines that a person follows."""

import logging

import pytest

from pilot.events import event as events
from pilot.events.console import ConsoleSink


def command_ended(status, reason=""):
    return {
        "event": events.COMMAND_FINISHED,
        "command": "A",
        "status": status,
        "seconds": 1.25,
        "reason": reason,
    }


def task_ended(outcome, reason="", **more):
    return dict(
        {
            "event": events.TASK_FINISHED,
            "task": "t",
            "outcome": outcome,
            "seconds": 2.0,
            "reason": reason,
        },
        **more
    )


def test_the_console_takes_every_kind_of_event(heard):
    sink = ConsoleSink()
    sink({"event": events.COMMAND_STARTED, "command": "A"})
    sink(command_ended("ok"))
    sink(task_ended("error", "exit code 1"))
    sink({"event": events.PILOT_FINISHED})
    assert [record.name for record in heard] == ["pilot.A", "pilot.A", "pilot.agent"]


@pytest.mark.parametrize(
    "status, level",
    [
        ("ok", logging.INFO),
        ("skipped", logging.INFO),
        ("interrupted", logging.WARNING),
        ("failed", logging.ERROR),
        ("crashed", logging.ERROR),
        ("timed out", logging.ERROR),
    ],
)
def test_a_commands_end_is_as_loud_as_it_is_bad(heard, status, level):
    ConsoleSink()(command_ended(status))
    assert [record.levelno for record in heard] == [level]


def test_a_commands_end_tells_time_and_reason_under_its_name(heard):
    ConsoleSink()(command_ended("failed", "no disk"))
    assert heard[0].name == "pilot.A"
    assert heard[0].getMessage() == "failed after 1.2 s: no disk"


def test_a_command_that_is_well_has_no_reason(heard):
    ConsoleSink()(command_ended("ok"))
    assert heard[0].getMessage() == "ok after 1.2 s"


def test_a_commands_start_is_for_the_log_alone(heard):
    ConsoleSink()({"event": events.COMMAND_STARTED, "command": "A"})
    assert heard[0].levelno == logging.DEBUG


@pytest.mark.parametrize(
    "outcome, level", [("done", logging.DEBUG), ("error", logging.WARNING)]
)
def test_only_tasks_that_fail_are_for_the_console(heard, outcome, level):
    ConsoleSink()(task_ended(outcome))
    assert heard[0].levelno == level


def test_a_failed_task_tells_where_its_folder_is(heard):
    ConsoleSink()(task_ended("error", "exit code 1", folder="/kept"))
    assert heard[0].getMessage() == "task t error after 2.0 s: exit code 1 (kept in /kept)"


@pytest.mark.parametrize("kind", [events.PILOT_STARTED, events.PILOT_HEARTBEAT, events.LOG])
def test_what_no_person_follows_is_not_logged(heard, kind):
    ConsoleSink()({"event": kind})
    assert heard == []

"""What the factory notes beside submissions and pilots."""

import pytest

from pilot.ops.factory.notes import Level, Question


@pytest.fixture
def notes(factory):
    return factory.book.notes


def test_a_decision_that_is_the_same_is_counted(notes):
    for line in ("a", "a", "b", "a"):
        notes.note_decision("main", line, int(line == "b"))
    assert [(one["line"], one["times"]) for one in notes.decisions("main", 9)] == [
        ("a", 2), ("b", 1), ("a", 1),
    ]
    assert notes.decision_counts("main") == {"submit": 1, "wait": 3}
    assert notes.decision_counts("other") == {}


def test_questions_that_fail_are_asked_less_often(notes, factory):
    waits = []
    for _ in range(6):
        notes.note_question("slurm", "no answer", 60.0)
        waits.append(notes.question("slurm").until_s - factory.clock.boot)
    assert waits == [0.0, 60.0, 120.0, 180.0, 180.0, 180.0]
    assert notes.question("slurm") == Question(6, factory.clock.boot + 180.0, "no answer")
    notes.note_question("slurm", "", 60.0)
    assert notes.question("slurm") is None


def test_the_last_level_is_shown(notes, factory):
    assert notes.last_level("main") == Level()
    for number in range(3):
        factory.clock.pass_time(60.0)
        notes.note_level("main", Level(number, 1, 2, 3, None))
    assert notes.last_level("main") == Level(2, 1, 2, 3, None)


def test_unmet_needs_are_those_of_the_last_cycle(notes):
    assert notes.unmet() == []
    notes.note_unmet(["14 tasks need 64 GB"])
    notes.note_unmet(["2 tasks need GPUs"])
    assert notes.unmet() == ["2 tasks need GPUs"]

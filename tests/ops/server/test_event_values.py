"""Values out of events that may contain anything."""

import pytest

from pilot.events import event as events
from pilot.ops.server import event_values


@pytest.mark.parametrize(
    "value, text",
    [("a", "a"), (None, ""), ({"a": 1}, '{"a": 1}'), ("x" * 5000, "x" * event_values.MAX_TEXT)],
)
def test_a_text_is_bounded(value, text):
    assert event_values.text_value(value) == text


@pytest.mark.parametrize("value, number", [(1.5, 1.5), (-1, 0), (1e13, 0), (True, 0), ("1", 0)])
def test_a_float_is_bounded(value, number):
    assert event_values.float_value(value) == number


@pytest.mark.parametrize("value, number", [(-3, -3), (1 << 40, 0), (True, 0), (1.0, 0)])
def test_an_integer_is_bounded(value, number):
    assert event_values.int_value(value) == number


@pytest.mark.parametrize("fact, cores", [({"cores": 8}, 8), ({"cores": "many"}, 1), ("none", 1)])
def test_cores_are_at_least_one(fact, cores):
    assert event_values.cores_value({"fact": fact}) == cores


def test_the_end_of_a_pilot_changes_its_state():
    changes = event_values.state_changes(events.PILOT_FINISHED, {"exit_code": 3}, 5.0)
    assert changes == {"state": "finished", "ended": 5.0, "exit_code": 3, "seconds": 0.0}


def test_other_events_change_no_state():
    assert event_values.state_changes(events.LOG, {}, 5.0) == {}

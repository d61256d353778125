"""The one shape that all events have."""

import json

from pilot.events import event as events


def test_an_event_has_four_fields_and_its_own():
    assert events.make("p", 3, "2026-01-01T00:00:00.000Z", "x", {"task": "a"}) == {
        "pilot": "p",
        "seq": 3,
        "time": "2026-01-01T00:00:00.000Z",
        "event": "x",
        "task": "a",
    }


def test_its_own_fields_come_last():
    text = json.dumps(events.make("p", 1, "t", "x", {"a": 1}))
    assert text.startswith('{"pilot": "p", "seq": 1, "time": "t", "event": "x"')


def test_the_fields_of_the_caller_stay_the_callers():
    fields = {"a": 1}
    events.make("p", 1, "t", "x", fields)["a"] = 2
    assert fields == {"a": 1}


def test_each_kind_is_another():
    kinds = [value for name, value in vars(events).items() if name.isupper()]
    assert len(set(kinds)) == len(kinds)

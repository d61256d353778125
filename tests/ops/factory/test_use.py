"""How a pilot used its slot, by its events."""

import json

import pytest

from pilot.ops.factory.use import MOST_LINE, Use, read_use, sum_events


def event(second, kind, **more):
    return dict(more, event=kind, time="2026-11-22T10:%02d:%06.3fZ" % divmod(second, 60))


STORY = [
    event(0, "pilot started"),
    event(20, "agent started"),
    event(30, "task finished", outcome="done", seconds=10.0, cores=2),
    event(90, "task finished", outcome="error", seconds=5.5, cores=1),
    event(100.5, "pilot finished"),
]


def test_the_parts_of_a_slot():
    assert sum_events(iter(STORY)) == Use(20.0, 20.0, 5.5, 10.5)


def test_a_pilot_without_an_agent_was_in_set_up_all_the_time():
    assert sum_events(iter([STORY[0], event(50, "pilot finished")])) == Use(50.0, 0.0, 0.0, 0.0)


def test_a_pilot_without_a_task_was_idle_after_its_set_up():
    assert sum_events(iter([STORY[0], STORY[1], STORY[4]])) == Use(20.0, 0.0, 0.0, 80.5)


def test_no_events_are_no_use(tmp_path):
    assert sum_events(iter([])) is None
    assert read_use(str(tmp_path)) is None


def test_a_damaged_file_gives_what_it_still_says(tmp_path):
    lines = [json.dumps(one) for one in STORY]
    lines[1:1] = ["{", "[]", "7", "[" * 100000, "x" * (MOST_LINE + 5), "\xff"]
    (tmp_path / "pilot-events.jsonl").write_text("\n".join(lines) + '\n{"event": "task fin')
    assert read_use(str(tmp_path)) == Use(20.0, 20.0, 5.5, 10.5)


@pytest.mark.parametrize("odd", [None, "x", [], {}, float("nan"), -1, True, 1e300])
def test_odd_values_count_for_nothing(odd):
    told = [STORY[0], event(5, "task finished", outcome="done", seconds=odd, cores=odd), dict(STORY[4], time=odd)]
    assert sum_events(iter(told)) == Use(5.0, 0.0, 0.0, 0.0)

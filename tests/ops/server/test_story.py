"""Stories of pilots as a server keeps them."""

import json
import random
import time

import pytest

from pilot.ops.server.story import Story
from tests.pool.stories import story


def test_a_pilots_story_becomes_its_state_its_steps_and_its_runs(told):
    tell, reader = told
    events = story(1)
    assert tell(*events) == len(events)
    found = reader.read_pilot("pilot-00001")
    assert (
        found["state"],
        found["site"],
        found["exit_code"],
        found["cores"],
        found["done"] + found["failed"],
        found["running"],
    ) == ("finished", "SURF", 0, 4, 4, 0)
    assert found["host"] == "wn0001.example.org"
    assert found["pulse"]["load"] == [3.9, 4.0, 3.7]
    assert [
        event["command"] for event in found["timeline"] if event["event"] == "command finished"
    ] == ["CheckWorkerNode", "Install", "Configure", "CPUNormalization", "LaunchAgent"]
    assert [event["kind"] for event in found["facts"]] == ["WorkerNode"]
    assert len(reader.list_events("pilot-00001", 0, 100, "log")[0]["lines"]) == 8


@pytest.mark.parametrize("seed", range(5))
def test_told_twice_or_in_another_order_it_is_the_same_story(told, seed):
    tell, reader = told
    events = story(5) + story(3)
    tell(*events)
    once = [reader.read_pilot("pilot-0000%d" % n) for n in (5, 3)], reader.read_statistics(0), reader.list_sites(0)
    again = events * 2
    random.Random(seed).shuffle(again)
    assert tell(*again) == 0
    assert json.dumps(
        ([reader.read_pilot("pilot-0000%d" % n) for n in (5, 3)], reader.read_statistics(0), reader.list_sites(0))
    ) == json.dumps(once)


def test_an_old_event_that_comes_late_turns_no_state_back(told):
    tell, reader = told
    events = story(1)
    tell(events[0], *events[2:])
    tell(events[1])
    assert reader.read_pilot("pilot-00001")["state"] == "finished"


@pytest.mark.parametrize(
    "event",
    [
        {"event": "pilot started", "site": {"a": 1}, "host": None},
        {"event": "command finished", "command": 5, "seconds": "long", "exit_code": 1e9},
        {"event": "task finished", "task": ["x"], "cores": -3},
        {"event": "fact found", "kind": "WorkerNode", "fact": "none"},
        {"event": "fact found", "kind": "WorkerNode", "fact": {"cores": "many"}},
        {"event": "pilot heartbeat", "load": "x" * 5000},
        {"event": "pilot finished", "exit_code": True, "seconds": -1},
        {"event": "log", "lines": 3},
        {"event": "whatever"},
    ],
)
def test_odd_events_are_kept_and_hurt_nobody(told, event):
    tell, reader = told
    assert tell(dict(event, pilot="odd", seq=1)) == 1
    assert reader.read_pilot("odd")["pilot"] == "odd"
    assert reader.read_overview(0)
    assert reader.read_statistics(0)
    assert reader.list_sites(0)


def test_what_is_old_or_too_much_is_forgotten(told):
    tell, reader = told
    for number in range(20):
        tell(*story(number))
    with tell.story.batch():
        assert not tell.story.forget_old(time.time() - 60, 1 << 40)
    with tell.story.batch():
        assert tell.story.forget_old(time.time() - 60, 0, 10)
    with tell.story.batch():
        tell.story.forget_old(time.time() + 60, 1 << 40, 10000)
    assert reader.list_pilots({}, None, 100)["pilots"] == []
    assert reader.read_statistics(0)["commands"] == []


def test_ticks_make_the_curves(told):
    tell, reader = told
    tell.story.record_tick({"todo": 1, "locked": 2, "done": 3, "error": 4, "held": 5})
    assert reader.read_overview(0)["ticks"][0][1:] == [1, 2, 3, 4, 5, 0]


def test_another_life_of_the_same_id_is_told_too(told):
    tell, reader = told
    tell(*story(1))
    again = [dict(event, seq=event["seq"] + 10**9) for event in story(1)]
    assert tell(*again[:3]) == 3
    assert reader.read_pilot("pilot-00001")["state"] == "running"
    assert reader.read_pilot("pilot-00001")["exit_code"] is None
    tell(*again[3:])
    assert reader.read_pilot("pilot-00001")["state"] == "finished"
    assert reader.read_pilot("pilot-00001")["done"] + reader.read_pilot("pilot-00001")["failed"] == 8


def test_cores_count_and_what_was_given_back_unbegun_does_not(told):
    tell, reader = told
    tell(
        {"pilot": "p", "seq": 1, "event": "task started", "task": "a"},
        {
            "pilot": "p",
            "seq": 2,
            "event": "task finished",
            "task": "b",
            "outcome": "returned",
            "seconds": 0,
        },
    )
    assert reader.read_pilot("p")["running"] == 1
    tell(
        {
            "pilot": "p",
            "seq": 3,
            "event": "task finished",
            "task": "a",
            "outcome": "done",
            "seconds": 3.0,
            "cores": 2,
        }
    )
    assert (reader.read_pilot("p")["running"], reader.read_pilot("p")["busy_s"]) == (0, 6.0)


def test_one_pilots_story_does_not_push_out_anothers(tmp_path):
    story = Story(str(tmp_path / "story"), most_bytes=20000)
    with story.batch():
        assert (
            story.add_events(
                [
                    {"pilot": "quiet", "seq": n, "event": "log", "lines": ["x" * 100]}
                    for n in range(1, 11)
                ]
            )
            == 10
        )
        told = story.add_events(
            [
                {"pilot": "loud", "seq": n, "event": "log", "lines": ["x" * 1000]}
                for n in range(1, 101)
            ]
        )
        assert 5 < told < 12
        assert (
            story.add_events([{"pilot": "loud", "seq": 500, "event": "pilot finished", "exit_code": 0}])
            == 1
        )
    assert story.query_rows("SELECT count(*) FROM events WHERE pilot = 'quiet'") == [(10,)]
    assert story.query_rows("SELECT state, dropped FROM pilots WHERE pilot = 'loud'") == [
        ("finished", 100 - told)
    ]
    story.close()

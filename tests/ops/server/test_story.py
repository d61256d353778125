import json
import random
import time

import pytest

from pilot.pool import sqlite
from pilot.ops.server import metrics, statistics, story as stories
from pilot.ops.server.reader import Reader
from tests.pool.stories import story


@pytest.fixture
def told(tmp_path):
    """(tell, reader): a story file that is written and read."""
    path = str(tmp_path / "p.sqlite")
    sqlite.SQLitePool(path, create=True).close()
    one, reader = stories.Story(stories.path_of(path)), Reader(path, stories.path_of(path))

    def tell(*events):
        with one.batch():
            return one.tell(list(events))
    tell.story = one
    yield tell, reader
    reader.close()
    one.close()


def test_a_pilots_story_becomes_its_state_its_steps_and_its_runs(told):
    tell, reader = told
    events = story(1)
    assert tell(*events) == len(events)
    found = reader.pilot("pilot-00001")
    assert (
        found["state"],
        found["site"],
        found["exit_code"],
        found["cores"],
        found["done"] + found["failed"],
        found["running"],
    ) == ("finished", "SURF", 0, 4, 4, 0)
    assert found["host"] == "wn0001.example.org" and found["pulse"]["load"] == [3.9, 4.0, 3.7]
    assert [
        event["command"] for event in found["timeline"] if event["event"] == "command finished"
    ] == ["CheckWorkerNode", "Install", "Configure", "CPUNormalization", "LaunchAgent"]
    assert [event["kind"] for event in found["facts"]] == ["WorkerNode"]
    assert len(reader.events("pilot-00001", 0, 100, "log")[0]["lines"]) == 8


@pytest.mark.parametrize("seed", range(5))
def test_told_twice_or_in_another_order_it_is_the_same_story(told, seed):
    tell, reader = told
    events = story(5) + story(3)
    tell(*events)
    once = [reader.pilot("pilot-0000%d" % n) for n in (5, 3)], reader.statistics(0), reader.sites(0)
    again = events * 2
    random.Random(seed).shuffle(again)
    assert tell(*again) == 0
    assert json.dumps(
        ([reader.pilot("pilot-0000%d" % n) for n in (5, 3)], reader.statistics(0), reader.sites(0))
    ) == json.dumps(once)


def test_an_old_event_that_comes_late_turns_no_state_back(told):
    tell, reader = told
    events = story(1)
    tell(events[0], *events[2:])
    tell(events[1])
    assert reader.pilot("pilot-00001")["state"] == "finished"


def test_why_pilots_failed_is_counted_by_reason(told):
    tell, reader = told
    for number in range(70):
        tell(*story(number))
    found = reader.overview(0)
    assert sum(row["count"] for row in found["failures"]) == found["pilots"]["failed"] == 10
    assert (
        found["failures"][0]["command"] == "CheckWorkerNode"
        and found["failures"][0]["count"] >= found["failures"][-1]["count"]
    )
    assert found["task_failures"][0]["reason"] == "exit code 3: cannot open input"


def test_pilots_are_found_by_site_state_and_command_page_by_page(told):
    tell, reader = told
    for number in range(50):
        tell(*story(number))
    everybody, after = [], None
    while True:
        page = reader.pilots({}, after, 7)
        everybody += [pilot["pilot"] for pilot in page["pilots"]]
        after = page["next"]
        if after is None:
            break
    assert len(everybody) == len(set(everybody)) == 50
    assert {pilot["site"] for pilot in reader.pilots({"site": "SURF"}, None, 100)["pilots"]} == {
        "SURF"
    }
    assert all(
        pilot["exit_code"] == 10
        for pilot in reader.pilots({"state": "failed"}, None, 100)["pilots"]
    )
    assert (
        reader.pilots({"state": "running", "command": "LaunchAgent"}, None, 100)["pilots"]
        and not reader.pilots({"state": "silent"}, None, 100)["pilots"]
    )


def test_a_pilot_that_is_not_heard_of_is_silent(told, monkeypatch):
    tell, reader = told
    tell(*story(6))
    now = time.time()
    monkeypatch.setattr(stories.time, "time", lambda: now + 600)
    assert reader.pilot("pilot-00006")["state"] == "silent" and reader.overview(0)["pilots"] == {
        "silent": 1
    }


def test_statistics_of_each_command_and_site(told):
    tell, reader = told
    for number in range(70):
        tell(*story(number))
    rows = {(row["command"], row["site"]): row for row in reader.statistics(0)["commands"]}
    check = rows[("CheckWorkerNode", "NIKHEF")]
    assert (
        check["runs"] == 14
        and check["ok"] == 12
        and check["first_reason"] == check["common_reason"] != ""
    )
    assert rows[("Install", "NIKHEF")]["ok"] == rows[("Install", "NIKHEF")]["runs"] == 12


def test_quantiles_and_waste():
    assert (
        statistics.quantile([1.0, 2.0, 3.0, 4.0], 0.5) == 2.0
        and statistics.quantile([], 0.5) == 0.0
    )
    assert statistics.quantile(list(map(float, range(1, 101))), 0.95) == 95.0
    waste = statistics.wasted_hours([("A", 4, 3600.0, 7200.0, 3600.0, 360.0)])
    assert waste == [
        {
            "site": "A",
            "pilots": 1,
            "used_h": 1.0,
            "failed_h": 1.0,
            "validation_h": 0.4,
            "idle_h": 1.6,
        }
    ]


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
    assert (
        reader.pilot("odd")["pilot"] == "odd"
        and reader.overview(0)
        and reader.statistics(0)
        and reader.sites(0)
    )


def test_what_is_old_or_too_much_is_forgotten(told):
    tell, reader = told
    for number in range(20):
        tell(*story(number))
    with tell.story.batch():
        assert not tell.story.forget(time.time() - 60, 1 << 40)
    with tell.story.batch():
        assert tell.story.forget(time.time() - 60, 0, 10)
    with tell.story.batch():
        tell.story.forget(time.time() + 60, 1 << 40, 10000)
    assert reader.pilots({}, None, 100)["pilots"] == [] and reader.statistics(0)["commands"] == []


def test_factories_tell_their_newest_state(told):
    tell, reader = told
    tell(
        {"pilot": "f1", "seq": 1, "event": "factory state", "state": "running"},
        {"pilot": "f1", "seq": 2, "event": "factory state", "state": "paused"},
    )
    assert [(one["factory"], one["state"]) for one in reader.factories()] == [
        ("f1", "paused")
    ] and reader.pilots({}, None, 9)["pilots"] == []


def test_ticks_make_the_curves(told):
    tell, reader = told
    tell.story.tick({"todo": 1, "locked": 2, "done": 3, "error": 4, "held": 5})
    assert reader.overview(0)["ticks"][0][1:] == [1, 2, 3, 4, 5, 0]


def test_labels_are_escaped_for_prometheus():
    assert metrics.escape_label('a"b\\c\nd') == 'a\\"b\\\\c\\nd'


def test_another_life_of_the_same_id_is_told_too(told):
    tell, reader = told
    tell(*story(1))
    again = [dict(event, seq=event["seq"] + 10 ** 9) for event in story(1)]
    assert (
        tell(*again[:3]) == 3
        and reader.pilot("pilot-00001")["state"] == "running"
        and reader.pilot("pilot-00001")["exit_code"] is None
    )
    tell(*again[3:])
    assert (
        reader.pilot("pilot-00001")["state"] == "finished"
        and reader.pilot("pilot-00001")["done"] + reader.pilot("pilot-00001")["failed"] == 8
    )


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
    assert reader.pilot("p")["running"] == 1
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
    assert (reader.pilot("p")["running"], reader.pilot("p")["busy_s"]) == (0, 6.0)


def test_an_answer_has_its_limit_in_bytes(told, monkeypatch):
    from pilot.ops.server import reader as readers
    tell, reader = told
    monkeypatch.setattr(readers, "MAX_ANSWER", 5000)
    tell(*[{"pilot": "p", "seq": n, "event": "log", "lines": ["x" * 1000]} for n in range(1, 30)])
    assert [event["seq"] for event in reader.events("p", 0, 500, None)] == [1, 2, 3, 4]
    assert reader.events("p", 4, 500, None)[0]["seq"] == 5


def test_a_story_that_is_only_locked_is_not_thrown_away(tmp_path, told):
    import sqlite3

    from pilot.pool.interface import Busy
    tell, reader = told
    tell(*story(1))
    other = sqlite3.connect(str(tmp_path / "p.sqlite.story"), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(Busy):
        tell(*story(2))
    other.execute("ROLLBACK")
    other.close()
    assert tell(*story(2)) == len(story(2)) and not list(tmp_path.glob("*damaged*"))

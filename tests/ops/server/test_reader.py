"""Answers about pilots from a snapshot of their story."""

import sqlite3
import time

import pytest

from pilot.ops.server import reader as readers, story as stories
from pilot.ops.server.reader import Reader
from pilot.ops.server.story import Story
from pilot.ops.server.story_file import path_of
from pilot.pool import open_pool
from pilot.pool.sqlite import SQLitePool
from tests.pool.stories import story


def test_why_pilots_failed_is_counted_by_reason(told):
    tell, reader = told
    for number in range(70):
        tell(*story(number))
    found = reader.read_overview(0)
    assert sum(row["count"] for row in found["failures"]) == found["pilots"]["failed"] == 10
    assert found["failures"][0]["command"] == "CheckWorkerNode"
    assert found["failures"][0]["count"] >= found["failures"][-1]["count"]
    assert found["task_failures"][0]["reason"] == "exit code 3: cannot open input"


def test_pilots_are_found_by_site_state_and_command_page_by_page(told):
    tell, reader = told
    for number in range(50):
        tell(*story(number))
    everybody, after = [], None
    while True:
        page = reader.list_pilots({}, after, 7)
        everybody += [pilot["pilot"] for pilot in page["pilots"]]
        after = page["next"]
        if after is None:
            break
    assert len(everybody) == len(set(everybody)) == 50
    assert {pilot["site"] for pilot in reader.list_pilots({"site": "SURF"}, None, 100)["pilots"]} == {
        "SURF"
    }
    assert all(
        pilot["exit_code"] == 10
        for pilot in reader.list_pilots({"state": "failed"}, None, 100)["pilots"]
    )
    assert reader.list_pilots({"state": "running", "command": "LaunchAgent"}, None, 100)["pilots"]
    assert not reader.list_pilots({"state": "silent"}, None, 100)["pilots"]


def test_a_pilot_that_is_not_heard_of_is_silent(told, monkeypatch):
    tell, reader = told
    tell(*story(6))
    now = time.time()
    monkeypatch.setattr(stories.time, "time", lambda: now + 600)
    assert reader.read_pilot("pilot-00006")["state"] == "silent"
    assert reader.read_overview(0)["pilots"] == {"silent": 1}


def test_factories_tell_their_newest_state(told):
    tell, reader = told
    tell(
        {"pilot": "f1", "seq": 1, "event": "factory state", "state": "running"},
        {"pilot": "f1", "seq": 2, "event": "factory state", "state": "paused"},
    )
    assert [(one["factory"], one["state"]) for one in reader.list_factories(0)] == [("f1", "paused")]
    assert reader.list_pilots({}, None, 9)["pilots"] == []


def test_a_factorys_sites_have_curves(told, monkeypatch):
    tell, reader = told
    now = stories.time.time()
    for minute, numbers in enumerate(((5, 1, 0), (None, 1, 1), (4, 0, "many")), 1):
        monkeypatch.setattr(stories.time, "time", lambda: now + 60 * minute)
        site = dict(zip(("demand", "pending", "running"), numbers), site="main")
        tell({"pilot": "f1", "seq": minute, "event": "factory state", "sites": [site, None, 7]})
    (one,) = reader.list_factories(0)
    first = one["curves"]["main"][0][0]
    assert one["curves"] == {
        "main": [[first, 5, 1, 0], [first + 1, None, 1, 1], [first + 2, 4, 0, 0]]
    }
    assert reader.list_factories(now + 3600)[0]["curves"] == {}


def test_a_pilot_that_never_starts_has_a_story(told, monkeypatch):
    tell, reader = told
    submitted = {"pilot": "p-0", "seq": 1, "event": "pilot submitted", "site": "main", "job": "7"}
    tell(submitted)
    now = stories.time.time()
    monkeypatch.setattr(stories.time, "time", lambda: now + 86400)
    assert reader.read_pilot("p-0")["state"] == "submitted"  # it waits, and is not silent
    assert reader.read_overview(0)["pilots"] == {"submitted": 1}
    ended = {"pilot": "p-0", "seq": 1 << 50, "event": "job ended", "state": "failed",
             "exit_code": None, "reason": "no python3", "output": ["sh: python3: not found"]}
    tell(ended)
    shown = reader.read_pilot("p-0")
    assert (shown["state"], shown["reason"]) == ("failed", "the job ended (failed): no python3")
    assert reader.read_overview(0)["pilots"] == {"failed": 1}
    assert [event["event"] for event in shown["timeline"]] == ["pilot submitted", "job ended"]


def test_what_a_pilot_said_of_its_own_end_stays(told):
    tell, reader = told
    tell(
        {"pilot": "p-0", "seq": 1, "event": "pilot submitted", "site": "main"},
        {"pilot": "p-0", "seq": 5, "event": "pilot started", "site": "main"},
        {"pilot": "p-0", "seq": 6, "event": "pilot finished", "exit_code": 0},
        {"pilot": "p-0", "seq": 1 << 50, "event": "job ended", "state": "failed", "exit_code": 1},
    )
    shown = reader.read_pilot("p-0")
    assert (shown["state"], shown["exit_code"], shown["reason"]) == ("finished", 0, "")


def test_a_submission_that_is_told_late_changes_no_state(told):
    tell, reader = told
    tell({"pilot": "p-0", "seq": 5, "event": "pilot started"})
    tell({"pilot": "p-0", "seq": 1, "event": "pilot submitted", "site": "main"})
    shown = reader.read_pilot("p-0")
    assert (shown["state"], shown["site"]) == ("running", "main")


def test_an_answer_has_its_limit_in_bytes(told, monkeypatch):
    from pilot.ops.server import reader as readers

    tell, reader = told
    monkeypatch.setattr(readers, "MAX_ANSWER", 5000)
    tell(*[{"pilot": "p", "seq": n, "event": "log", "lines": ["x" * 1000]} for n in range(1, 30)])
    assert [event["seq"] for event in reader.list_events("p", 0, 500, None)] == [1, 2, 3, 4]
    assert reader.list_events("p", 4, 500, None)[0]["seq"] == 5


def test_a_pilot_that_nobody_has_heard_of_is_none(told):
    assert told[1].read_pilot("nobody") is None


def test_a_reader_can_write_nothing(told):
    with pytest.raises(sqlite3.OperationalError, match="readonly|read-only"):
        told[1]._db.execute("DELETE FROM tasks")


def test_a_file_whose_name_looks_like_a_query_is_read(tmp_path):
    path = str(tmp_path / "a?b#c%41.sqlite")
    SQLitePool(path, create=True).close()
    Story(path_of(path)).close()
    one = Reader(path, path_of(path))
    assert one.read_overview(0)["tasks"]["todo"] == 0
    one.close()


def test_events_come_after_the_one_that_was_seen_last(told):
    tell, reader = told
    tell(*[{"pilot": "p", "seq": n, "event": "log"} for n in range(1, 6)])
    assert [one["seq"] for one in reader.list_events("p", 3, 500, None)] == [4, 5]


def test_nobody_comes_after_a_place_that_is_none(told):
    tell, reader = told
    tell(*story(1))
    found = reader.list_pilots({}, "nonsense x", 10)["pilots"]
    assert found == []


def test_sites_are_told_in_order_with_what_their_pilots_did(told):
    tell, reader = told
    tell(*(story(1) + story(3)))
    rows = reader.list_sites(0)
    assert [(row["site"], row["pilots"], row["done"]) for row in rows] == [
        ("RAL-LCG2", {"failed": 1}, 0),
        ("SURF", {"finished": 1}, 4),
    ]


def test_no_more_tasks_come_than_fit_into_an_answer(told, tmp_path, monkeypatch):
    monkeypatch.setattr(readers, "MAX_ANSWER", 3000)
    with open_pool("sqlite:%s/p.sqlite" % tmp_path) as pool:
        pool.add([{"id": "t%d" % n, "command": ["x" * 1000]} for n in range(9)])
    tasks, more = told[1].list_tasks(None, 100, None)
    assert ([one["id"] for one in tasks], more) == (["t0", "t1", "t2"], True)

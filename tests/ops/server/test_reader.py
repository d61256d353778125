"""Answers about pilots from a snapshot of their story."""

import time

from pilot.ops.server import story as stories
from tests.pool.stories import story


def test_why_pilots_failed_is_counted_by_reason(told):
    tell, reader = told
    for number in range(70):
        tell(*story(number))
    found = reader.overview(0)
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
    assert reader.pilots({"state": "running", "command": "LaunchAgent"}, None, 100)["pilots"]
    assert not reader.pilots({"state": "silent"}, None, 100)["pilots"]


def test_a_pilot_that_is_not_heard_of_is_silent(told, monkeypatch):
    tell, reader = told
    tell(*story(6))
    now = time.time()
    monkeypatch.setattr(stories.time, "time", lambda: now + 600)
    assert reader.pilot("pilot-00006")["state"] == "silent"
    assert reader.overview(0)["pilots"] == {"silent": 1}


def test_factories_tell_their_newest_state(told):
    tell, reader = told
    tell(
        {"pilot": "f1", "seq": 1, "event": "factory state", "state": "running"},
        {"pilot": "f1", "seq": 2, "event": "factory state", "state": "paused"},
    )
    assert [(one["factory"], one["state"]) for one in reader.factories()] == [("f1", "paused")]
    assert reader.pilots({}, None, 9)["pilots"] == []


def test_an_answer_has_its_limit_in_bytes(told, monkeypatch):
    from pilot.ops.server import reader as readers

    tell, reader = told
    monkeypatch.setattr(readers, "MAX_ANSWER", 5000)
    tell(*[{"pilot": "p", "seq": n, "event": "log", "lines": ["x" * 1000]} for n in range(1, 30)])
    assert [event["seq"] for event in reader.events("p", 0, 500, None)] == [1, 2, 3, 4]
    assert reader.events("p", 4, 500, None)[0]["seq"] == 5

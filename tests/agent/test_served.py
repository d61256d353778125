"""The agent with its pool behind a server: waiting, hurrying, a server that hangs, dies and comes
back."""

import json
import os
import re
import sys

import pytest

from pilot.pool import open_pool
from tests.agent.running import PLAN, add, events_of
from tests.conftest import steady, until


def test_work_from_a_server_is_done_and_its_story_told_there(server, pilot):
    add(
        server,
        *[{"id": "t%d" % n} for n in range(20)]
        + [{"id": "bad", "command": ["false"], "max_attempts": 1}],
    )
    ended = pilot(
        "-X",
        "CheckWorkerNode,LaunchAgent",
        "--pool",
        server.url,
        "--events",
        server.url,
        "--pilot-id",
        "one",
        "--site",
        "HERE",
    )
    assert ended.code == 0
    assert ended.report["tasks"]["done"] == 20
    assert ended.report["tasks"]["error"] == 1
    with open_pool(server.url) as pool:
        assert pool.status() == {"todo": 0, "locked": 0, "done": 20, "error": 1, "held": 0}
    kept = events_of(server, "one")
    written = ended.events
    assert [(event["seq"], event["event"]) for event in kept] == sorted(
        (event["seq"], event["event"]) for event in written
    )
    assert kept[0]["event"] == "pilot started"
    assert kept[0]["site"] == "HERE"
    assert {"pilot heartbeat", "log", "pilot finished"} <= {event["event"] for event in kept}
    assert "CheckWorkerNode: ok" in str(
        [event["lines"] for event in kept if event["event"] == "log"]
    )


def test_a_server_that_is_killed_and_comes_back_costs_nothing(server, start_pilot, tmp_path):
    add(server, *[{"id": "t%d" % n, "command": ["sleep", "0.05"]} for n in range(60)])
    child = start_pilot(
        *(
            PLAN
            + (
                "--pool",
                server.url,
                "--events",
                server.url,
                "--pilot-id",
                "one",
                "--workdir",
                str(tmp_path / "w"),
                "--slots",
                "2",
            )
        )
    )
    for _ in range(3):
        until(
            lambda: (tmp_path / "w" / "pilot-events.jsonl").exists()
            and "task finished" in (tmp_path / "w" / "pilot-events.jsonl").read_text()
        )
        server.kill()
        server.start()
    assert child.wait(timeout=60) == 0
    with open_pool(server.url) as pool:
        tasks = list(pool.export())
    assert all(task["state"] == "done" and len(task["attempts"]) == 1 for task in tasks), [
        task for task in tasks if len(task["attempts"]) != 1
    ]
    written = [
        json.loads(line)
        for line in (tmp_path / "w" / "pilot-events.jsonl").read_text().splitlines()
    ]
    assert [event["seq"] for event in events_of(server, "one")] == sorted(
        event["seq"] for event in written
    )


@pytest.mark.slow
def test_a_story_that_finds_no_server_delays_the_end_little_and_is_counted(pilot):
    began = steady()
    ended = pilot("-X", "CheckWorkerNode", "--events", "http://127.0.0.1:9")
    assert ended.code == 0
    assert steady() - began < 15
    assert ended.report["events_lost"]["http://127.0.0.1:9"] >= 5
    assert re.search(r"events did not arrive at http://127.0.0.1:9: .*[Rr]efused", ended.err)


def test_a_workdir_that_cannot_be_used_is_told_to_the_server(server, pilot, tmp_path):
    ended = pilot(
        "-X",
        "CheckWorkerNode",
        "--events",
        server.url,
        "--pilot-id",
        "homeless",
        workdir="/proc/none",
    )
    assert ended.code == 10
    kept = events_of(server, "homeless")
    assert [event["event"] for event in kept] == ["pilot started", "pilot finished"]
    assert kept[-1]["exit_code"] == 10


def test_no_output_and_no_name_of_a_payload_ends_the_agent(server, pilot, tmp_path):
    """Long numbers, long words, bytes that are no UTF-8: what cannot be told as it is, is told
    otherwise."""
    add(
        server,
        {"id": "digits", "command": [sys.executable, "-c", "print('9' * 700)"]},
        {"id": "long", "command": ["y" * 4100], "max_attempts": 1},
        {
            "id": "url",
            "command": ["true"],
            "inputs": ["/no/" + "z" * 4100 + "/f"],
            "max_attempts": 1,
        },
        {"id": "bytes", "command": ["printf", "\\377\\355\\240\\200"]},
        {"id": "last", "command": ["true"], "priority": -1},
    )
    ended = pilot(
        "-X",
        "CheckWorkerNode,LaunchAgent",
        "--pool",
        server.url,
        "--slots",
        "2",
        "--events",
        server.url,
        "--pilot-id",
        "odd",
    )
    assert ended.code == 0, ended.err
    assert ended.report["tasks"]["done"] == 3, ended.err
    assert ended.report["tasks"]["error"] == 2, ended.err
    assert ended.report["events_lost"] == {}
    with open_pool(server.url) as pool:
        assert pool.status() == {"todo": 0, "locked": 0, "done": 3, "error": 2, "held": 0}


def test_two_lives_of_one_id_are_both_told(server, pilot):
    for _ in range(2):
        ended = pilot("-X", "CheckWorkerNode", "--events", server.url, "--pilot-id", "fixed")
        assert ended.code == 0
        assert ended.report["events_lost"] == {}
    assert [event["event"] for event in events_of(server, "fixed")].count("pilot finished") == 2


def test_a_payload_cannot_read_the_pilots_token(server, tmp_path, start_pilot):
    if os.geteuid() == 0:
        pytest.skip("root reads everything")
    add(
        server,
        {
            "id": "spy",
            "script": "tr '\\0' '\\n' < /proc/$PPID/environ > %s/seen; exit 0" % tmp_path,
        },
    )
    child = start_pilot(
        *(PLAN + ("--pool", server.url, "--workdir", str(tmp_path / "w"))),
        env=dict(os.environ, PILOT_POOL_TOKEN="hunter22"),
    )
    assert child.wait(timeout=30) == 0
    assert "hunter22" not in (tmp_path / "seen").read_text()

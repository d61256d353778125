"""The agent with its pool behind a server: waiting, hurrying, a server that hangs, dies and comes
back."""

import json
import os
import re
import signal
import sqlite3
import subprocess
import sys

import pytest

from pilot.base import process_tree
from pilot.pool import open_pool
from tests.conftest import ROOT, steady, until
from tests.pool.served import Served

PLAN = ("-X", "CheckWorkerNode,LaunchAgent")


@pytest.fixture
def server(tmp_path):
    folder = tmp_path / "server"
    folder.mkdir()
    open_pool("sqlite:%s/pool.sqlite" % folder, create=True, backoff_s=0.1).close()
    one = Served(folder)
    yield one
    one.kill()


def add(server, *tasks):
    with open_pool(server.url) as pool:
        pool.add(
            [task if "script" in task else dict({"command": ["true"]}, **task) for task in tasks]
        )


def show(server, task):
    with open_pool(server.url) as pool:
        return pool.show(task)


def events_of(server, pilot):
    """What the server keeps of a pilot, read beside it."""
    db = sqlite3.connect(str(server.folder / "pool.sqlite.story"))
    rows = db.execute(
        "SELECT seq, kind, body FROM events WHERE pilot = ? ORDER BY seq", (pilot,)
    ).fetchall()
    db.close()
    return [dict(json.loads(body), seq=seq, event=kind) for seq, kind, body in rows]


def gone(pid):
    found = process_tree.look_up(pid)
    return found is None or found.state == "Z"


def sleeper(tmp_path, name="pid"):
    """A script that tells its pid and stays."""
    return "echo $$ > %s/new && mv %s/new %s/%s; exec sleep 300" % (
        tmp_path,
        tmp_path,
        tmp_path,
        name,
    )


def started(tmp_path, name="pid"):
    return int(until(lambda: (tmp_path / name).exists() and (tmp_path / name).read_text()))


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
    assert (
        ended.code == 0
        and ended.report["tasks"]["done"] == 20
        and ended.report["tasks"]["error"] == 1
    )
    with open_pool(server.url) as pool:
        assert pool.status() == {"todo": 0, "locked": 0, "done": 20, "error": 1, "held": 0}
    kept = events_of(server, "one")
    written = ended.events
    assert [(event["seq"], event["event"]) for event in kept] == sorted(
        (event["seq"], event["event"]) for event in written
    )
    assert (
        kept[0]["event"] == "pilot started"
        and kept[0]["site"] == "HERE"
        and {"pilot heartbeat", "log", "pilot finished"} <= {event["event"] for event in kept}
    )
    assert "CheckWorkerNode: ok" in str(
        [event["lines"] for event in kept if event["event"] == "log"]
    )


def test_work_that_comes_while_the_agent_waits_is_begun_at_once(server, start_pilot, tmp_path):
    add(server, {"id": "first"})
    child = start_pilot(
        *(
            PLAN
            + (
                "--pool",
                server.url,
                "--workdir",
                str(tmp_path / "w"),
                "--idle-s",
                "600",
                "--slots",
                "2",
            )
        )
    )
    until(lambda: show(server, "first")["state"] == "done")
    metrics = "pilot_pool_waiting_claims 1"
    import urllib.request
    until(
        lambda: metrics
        in urllib.request.urlopen(server.url + "/metrics", timeout=10).read().decode()
    )
    began = steady()
    add(server, {"id": "second"})
    until(lambda: show(server, "second")["state"] == "done")
    assert steady() - began < 5  # a poll would have come after 15
    child.send_signal(signal.SIGUSR1)
    assert child.wait(timeout=60) == 0


def test_an_end_is_reported_while_another_claim_waits(server, start_pilot, tmp_path):
    add(server, {"id": "short", "script": "while ! test -e %s/go; do sleep 0.05; done" % tmp_path})
    child = start_pilot(
        *(
            PLAN
            + (
                "--pool",
                server.url,
                "--workdir",
                str(tmp_path / "w"),
                "--slots",
                "2",
                "--idle-s",
                "600",
            )
        )
    )
    import urllib.request
    until(
        lambda: "pilot_pool_waiting_claims 1"
        in urllib.request.urlopen(server.url + "/metrics", timeout=10).read().decode()
    )
    (tmp_path / "go").write_text("")
    began = steady()
    until(lambda: show(server, "short")["state"] == "done")
    assert steady() - began < 5
    child.terminate()
    assert child.wait(timeout=60) == 143


@pytest.mark.slow
def test_a_server_that_hangs_does_not_hold_up_the_pilots_end(server, start_pilot, tmp_path):
    add(server, {"id": "a", "script": sleeper(tmp_path)})
    child = start_pilot(
        *(PLAN + ("--pool", server.url, "--events", server.url, "--workdir", str(tmp_path / "w")))
    )
    payload = started(tmp_path)
    server.child.send_signal(signal.SIGSTOP)
    try:
        began = steady()
        child.terminate()
        assert child.wait(timeout=60) == 143 and steady() - began < 8
        assert gone(payload)
    finally:
        server.child.send_signal(signal.SIGCONT)
    assert "could not be reported" in (tmp_path / "w" / "pilot.log").read_text()
    assert json.loads((tmp_path / "w" / "pilot-report.json").read_text())["events_lost"]


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
def test_a_server_that_stays_away_ends_payloads_before_their_lease_is_anothers(
    server, start_pilot, tmp_path
):
    add(server, {"id": "a", "script": sleeper(tmp_path)})
    child = start_pilot(
        *(
            PLAN
            + (
                "--pool",
                server.url,
                "--workdir",
                str(tmp_path / "w"),
                "--lease-s",
                "4",
                "--stop-grace-s",
                "0.5",
            )
        )
    )
    payload = started(tmp_path)
    server.kill()
    until(lambda: gone(payload), what="the payload's end")
    server.start()
    until(lambda: "lost" in (tmp_path / "w" / "pilot-events.jsonl").read_text())
    assert (
        "the lease could not be renewed in time"
        in (tmp_path / "w" / "pilot-events.jsonl").read_text()
    )
    child.terminate()
    child.wait(timeout=60)


def test_a_pilot_that_slept_beyond_its_lease_ends_its_payload_and_drops_its_result(
    server, start_pilot, tmp_path
):
    add(
        server,
        {
            "id": "a",
            "script": "test -e %s/pid && exit 0\n" % tmp_path + sleeper(tmp_path),
            "max_attempts": 3,
        },
    )
    child = start_pilot(
        *(
            PLAN
            + (
                "--pool",
                server.url,
                "--workdir",
                str(tmp_path / "w"),
                "--lease-s",
                "2",
                "--idle-s",
                "100",
                "--slots",
                "1",
            )
        )
    )
    payload = started(tmp_path)
    frozen = [process_tree.look_up(child.pid)] + process_tree.descendants(child.pid)
    process_tree.send(frozen, signal.SIGSTOP)
    until(lambda: [a["outcome"] for a in show(server, "a")["attempts"]][:1] == ["lost"])
    words = list(PLAN) + [
        "--pool",
        server.url,
        "--workdir",
        str(tmp_path / "other"),
        "--idle-s",
        "40",
        "--max-tasks",
        "1",
    ]
    done = subprocess.run(
        [sys.executable, str(ROOT / "pilot.py")] + words,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=80,
    )
    assert done.returncode == 0 and show(server, "a")["state"] == "done", done.stdout.decode()
    process_tree.send(frozen, signal.SIGCONT)
    until(lambda: gone(payload), what="the end of the payload that slept")
    found = show(server, "a")
    assert found["state"] == "done" and [attempt["outcome"] for attempt in found["attempts"]] == [
        "lost",
        "done",
    ]
    child.terminate()
    child.wait(timeout=60)


def test_a_wrong_token_is_told_at_once(tmp_path, pilot):
    folder = tmp_path / "guarded"
    folder.mkdir()
    subprocess.check_output(
        [sys.executable, "-m", "pilot.pool", "token", str(folder / "tokens"), "admin", "alice"],
        cwd=str(ROOT),
    )
    server = Served(folder, "--tokens", str(folder / "tokens"))
    try:
        ended = pilot(
            "-X",
            "CheckWorkerNode,LaunchAgent",
            "--pool",
            server.url,
            "--pool-token",
            "not-the-right-one",
        )
        assert (
            ended.code == 50
            and "the token is not known here" in ended.err
            and "not-the-right-one" not in ended.err + ended.out + str(ended.report)
        )
    finally:
        server.kill()


@pytest.mark.slow
def test_a_story_that_finds_no_server_delays_the_end_little_and_is_counted(pilot):
    began = steady()
    ended = pilot("-X", "CheckWorkerNode", "--events", "http://127.0.0.1:9")
    assert ended.code == 0 and steady() - began < 15
    assert ended.report["events_lost"]["http://127.0.0.1:9"] >= 5 and re.search(
        r"events did not arrive at http://127.0.0.1:9: .*[Rr]efused", ended.err
    )


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
    assert [event["event"] for event in kept] == ["pilot started", "pilot finished"] and kept[-1][
        "exit_code"
    ] == 10


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
    assert (
        ended.code == 0
        and ended.report["tasks"]["done"] == 3
        and ended.report["tasks"]["error"] == 2
    ), ended.err
    assert ended.report["events_lost"] == {}
    with open_pool(server.url) as pool:
        assert pool.status() == {"todo": 0, "locked": 0, "done": 3, "error": 2, "held": 0}


def test_two_lives_of_one_id_are_both_told(server, pilot):
    for _ in range(2):
        ended = pilot("-X", "CheckWorkerNode", "--events", server.url, "--pilot-id", "fixed")
        assert ended.code == 0 and ended.report["events_lost"] == {}
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
    assert child.wait(timeout=30) == 0 and "hunter22" not in (tmp_path / "seen").read_text()


def test_a_token_file_named_from_here_is_found_by_the_agent_elsewhere(tmp_path, pilot):
    folder = tmp_path / "guarded"
    folder.mkdir()
    token = subprocess.check_output(
        [sys.executable, "-m", "pilot.pool", "token", str(folder / "tokens"), "admin", "alice"],
        cwd=str(ROOT),
    ).decode()
    (tmp_path / "mine").write_text(token)
    (tmp_path / "empty").write_text("")
    server = Served(folder, "--tokens", str(folder / "tokens"))
    try:
        ended = pilot(
            "-X", "CheckWorkerNode,LaunchAgent", "--pool", server.url, "--pool-token-file", "mine"
        )
        assert ended.code == 0, ended.err
        began = steady()
        ended = pilot(
            "-X", "CheckWorkerNode,LaunchAgent", "--pool", server.url, "--pool-token-file", "empty"
        )
        assert ended.code == 50 and "/empty is empty" in ended.err and steady() - began < 20
        minted = subprocess.check_output(
            [sys.executable, "-m", "pilot.pool", "mint", server.url, "p9"],
            cwd=str(ROOT),
            env=dict(os.environ, PILOT_POOL_TOKEN=token.strip()),
        )
        ended = pilot(
            "-X",
            "CheckWorkerNode,LaunchAgent",
            "--pool",
            server.url,
            "--pool-token",
            minted.decode().strip(),
            "--pilot-id",
            "another",
        )
        assert ended.code == 50 and "the token is pilot p9's" in ended.err and steady() - began < 40
    finally:
        server.kill()

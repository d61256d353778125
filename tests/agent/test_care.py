"""Leases are renewed in time, and given up before they can be another's."""

import os
import signal
import subprocess
import sys
import time

import pytest

from pilot.base import process_tree
from pilot.pool import open_pool
from tests.agent.running import (
    PLAN,
    BusyPilot,
    add,
    gone,
    passed,
    show,
    sleeper,
    started,
    status_of,
)
from tests.conftest import ROOT, steady, until


def test_leases_are_renewed_while_a_payload_runs(tmp_path, start_pilot):
    busy = BusyPilot(
        tmp_path,
        start_pilot,
        "while ! test -e %s/go; do sleep 0.05; done" % tmp_path,
        "--lease-s",
        "1",
    )
    began = steady()
    until(
        lambda: steady() - began > 2.5 and status_of(busy.pool)["locked"] == 1,
        what="a lease that outlives itself",
    )
    (tmp_path / "go").write_text("")
    assert busy.child.wait(timeout=20) == 0
    assert busy.show()["generation"] == 1


def test_a_cancelled_task_is_stopped_at_the_next_renewal(tmp_path, start_pilot):
    busy = BusyPilot(tmp_path, start_pilot, "sleep 300", "--lease-s", "2", "--stop-grace-s", "0.3")
    pool = open_pool(busy.pool)
    assert pool.cancel(["a"]) == 1
    pool.close()
    assert busy.child.wait(timeout=20) == 0
    assert gone(busy.payload)
    assert busy.show()["state"] == "held"
    assert busy.report["tasks"]["lost"] == 1


def test_a_pilot_frozen_beyond_its_lease_ends_its_payload_and_tells_nothing(tmp_path, start_pilot):
    busy = BusyPilot(tmp_path, start_pilot, "sleep 300", "--lease-s", "2", "--stop-grace-s", "0.3")
    agent = busy.agent
    os.kill(agent, signal.SIGSTOP)
    try:
        until(lambda: status_of(busy.pool)["locked"] == 0, 10, "the lease's end")
        pool = open_pool(busy.pool)
        from pilot.pool.interface import Offer

        until(
            lambda: pool.claim("other", Offer(), 1, 300.0, "r%s" % time.monotonic()),
            10,
            "a claim by another",
        )
        pool.close()
    finally:
        os.kill(agent, signal.SIGCONT)
    until(lambda: gone(busy.payload), 5, "the payload's end")
    found = busy.show()
    assert found["pilot"] == "other"
    assert [attempt["outcome"] for attempt in found["attempts"]] == ["lost", None]


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
    assert done.returncode == 0, done.stdout.decode()
    assert show(server, "a")["state"] == "done", done.stdout.decode()
    process_tree.send(frozen, signal.SIGCONT)
    until(lambda: gone(payload), what="the end of the payload that slept")
    found = show(server, "a")
    assert found["state"] == "done"
    assert [attempt["outcome"] for attempt in found["attempts"]] == ["lost", "done"]
    child.terminate()
    child.wait(timeout=60)


@pytest.mark.slow
def test_a_frozen_server_costs_no_attempt(server, start_pilot, tmp_path):
    add(
        server,
        *[{"id": "t%d" % n, "command": ["sleep", "0.1"], "max_attempts": 1} for n in range(30)],
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
                "--slots",
                "2",
            )
        )
    )
    until(lambda: show(server, "t3")["state"] == "done")
    server.child.send_signal(signal.SIGSTOP)
    until(passed(4))
    server.child.send_signal(signal.SIGCONT)
    assert child.wait(timeout=60) == 0
    with open_pool(server.url) as one:
        assert one.status()["done"] == 30

"""Leases are renewed in time, and given up before they can be another's."""

import os
import signal
import subprocess
import sys
import time

import pytest

from pilot.agent import pool_reasons, renewer
from pilot.agent.renewer import LeaseRenewer
from pilot.agent.pool_queries import PoolQueries
from pilot.agent.leases import Leases
from pilot.base import process_tree
from pilot.pool.interface import Busy
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


class Lessor:
    """A pool's file that renews all leases but `stale`, or is busy."""

    remote = False

    def __init__(self):
        self.asked, self.stale, self.busy = [], [], False

    def renew(self, pilot, keys, lease_s):
        self.asked.append((pilot, list(keys), lease_s))
        if self.busy:
            raise Busy("away")
        return self.stale

    def show(self, task):
        return None


@pytest.fixture
def lessor():
    return Lessor()


@pytest.fixture
def now():
    return [1000.0]


@pytest.fixture
def leases(config, now, monkeypatch):
    monkeypatch.setattr(renewer, "boot_s", lambda: now[0])
    return Leases(config.lease_s, config.stop_grace_s, lambda: now[0])


@pytest.fixture
def care(config, by_hand, lessor, leases):
    """`lost` and `kept` have the leases that are lost, and ours for longer."""
    lost, kept = [], []
    one = LeaseRenewer(
        config,
        by_hand,
        PoolQueries(by_hand, lessor, None),
        leases,
        lambda key, why: lost.append((key, why)),
        kept.extend,
    )
    one.lost, one.kept = lost, kept
    one.begin()
    return one


def test_without_leases_the_pool_is_not_asked(care, by_hand, lessor):
    by_hand.go_on()
    assert lessor.asked == []


def test_all_leases_are_renewed_in_one_request(care, by_hand, lessor, leases, now):
    leases.add(("a", 1), now[0])
    leases.add(("b", 2), now[0])
    by_hand.go_on()
    assert lessor.asked == [("p1", [("a", 1), ("b", 2)], 300.0)]


def test_a_lease_that_is_not_ours_any_more_is_lost_and_the_others_kept(
    care, by_hand, lessor, leases, now
):
    leases.add(("a", 1), now[0])
    leases.add(("b", 2), now[0])
    lessor.stale = [("a", 1)]
    by_hand.go_on()
    assert ([key for key, _ in care.lost], care.kept) == ([("a", 1)], [("b", 2)])


def test_a_renewal_counts_from_when_it_was_asked_for(care, by_hand, leases, now):
    leases.add(("a", 1), now[0])
    before = leases.end_of(("a", 1))
    now[0] += 60
    by_hand.go_on()
    assert leases.end_of(("a", 1)) == before + 60


def test_a_renewal_that_failed_is_tried_again_sooner(care, by_hand, lessor, leases, now):
    leases.add(("a", 1), now[0])
    lessor.busy = True
    by_hand.go_on()
    assert leases.retry_s() in by_hand.seconds()


def test_what_could_not_be_renewed_in_time_is_given_up(care, by_hand, lessor, leases, now):
    leases.add(("a", 1), now[0])
    lessor.busy = True
    now[0] += 299
    by_hand.go_on()
    assert care.lost[0] == (("a", 1), pool_reasons.NOT_RENEWED)

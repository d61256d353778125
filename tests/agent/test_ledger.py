"""The ends of attempts that the pool has not been told yet."""

import pytest

import os

from pilot.agent.ledger import Ledger
from pilot.agent.payload_context import AttemptEnd
from pilot.pool.interface import Final, Lease
from tests.agent.running import PLAN, add, gone, outcomes, passed, show, started
from tests.conftest import until


@pytest.mark.slow
def test_what_ended_while_the_server_was_away_for_longer_than_the_lease_is_done(
    server, start_pilot, tmp_path
):
    add(
        server,
        *[
            {
                "id": "t%d" % n,
                "script": "echo $$ > %s/t%d; sleep 1" % (tmp_path, n),
                "max_attempts": 1,
            }
            for n in range(2)
        ],
    )
    start_pilot(
        *(
            PLAN
            + (
                "--pool",
                server.url,
                "--workdir",
                str(tmp_path / "w"),
                "--lease-s",
                "4",
                "--slots",
                "2",
            )
        )
    )
    payloads = [started(tmp_path, "t%d" % n) for n in range(2)]
    server.kill()
    until(lambda: all(gone(pid) for pid in payloads))
    until(passed(4.5))
    server.start()
    until(lambda: all(show(server, "t%d" % n)["state"] == "done" for n in range(2)))
    assert all(outcomes(show(server, "t%d" % n)) == ["done"] for n in range(2))


LEASE = Lease("a", 2, 1, 300.0, {"cores": 4})


@pytest.fixture
def ledger():
    """`events` has what was told, `settled` the leases that are."""
    events, settled = [], []
    one = Ledger(lambda kind, **fields: events.append(dict(fields, event=kind)), settled.append)
    one.events, one.settled = events, settled
    return one


def test_an_end_is_reported_with_the_host(ledger):
    ledger.add(LEASE, AttemptEnd("done", "", {"exit_code": 0}, 1.5))
    result = {"exit_code": 0, "host": os.uname().nodename}
    assert ledger.finals() == [Final("a", 2, "done", "", result)]


def test_a_long_reason_is_cut(ledger):
    ledger.add(LEASE, AttemptEnd("error", "x" * 5000, {}, 1.0))
    assert len(ledger.finals()[0].reason) == 2000


def test_an_end_is_kept_until_the_pool_has_it(ledger):
    ledger.add(LEASE, AttemptEnd("done", "", {}, 1.0))
    ledger.settle({("a", 1): "done", ("b", 2): "done"})
    assert (len(ledger), ledger.settled) == (1, [])


def test_a_settled_end_is_told_no_more(ledger):
    ledger.add(LEASE, AttemptEnd("done", "", {}, 1.0))
    ledger.settle({("a", 2): "done"})
    assert (ledger.finals(), ledger.settled) == ([], [LEASE])


@pytest.mark.parametrize(
    "ended, state, outcome",
    [
        ("done", "done", "done"),
        ("error", "error", "error"),
        ("error", "todo", "retried"),
        ("released", "todo", "released"),
        ("returned", "todo", "returned"),
        ("done", "stale", "lost"),
        ("lost", "todo", "lost"),
    ],
)
def test_how_an_attempt_is_told_to_have_ended(ledger, ended, state, outcome):
    ledger.add(LEASE, AttemptEnd(ended, "", {}, 1.0))
    ledger.settle({("a", 2): state})
    assert [one["outcome"] for one in ledger.events] == [outcome]


def test_the_event_tells_what_it_took(ledger):
    ledger.add(LEASE, AttemptEnd("done", "", {"cpu_s": 3.0, "max_rss_mb": 7.5}, 1.23456))
    ledger.settle({("a", 2): "done"})
    told = ledger.events[0]
    assert [told[key] for key in ("seconds", "cpu_s", "max_rss_mb", "cores")] == [1.235, 3.0, 7.5, 4]

"""Claims that wait for work."""

import json

from pilot.ops.server import waiting_claims
from pilot.pool import open_pool
from tests.conftest import until
from tests.ops.server.asking import CLAIM, connect, waiter, waiting
from tests.pool.asking import add


def test_more_waiters_than_one_transaction_serves(within, monkeypatch):
    monkeypatch.setattr(waiting_claims, "WAITERS_AT_ONCE", 2)
    found = [waiter(within, "p%d" % n) for n in range(7)]
    until(lambda: waiting(within) == 7)
    with open_pool(within.url) as pool:
        add(pool, *["t%d" % n for n in range(7)])
    assert sorted(sum((one() for one in found), [])) == ["t%d" % n for n in range(7)]


def test_a_newer_claim_of_the_same_pilot_ends_the_older(within):
    first = waiter(within)
    until(lambda: waiting(within) == 1)
    second = waiter(within)
    assert first() == []
    until(lambda: waiting(within) == 1)
    within.call(lambda: within.server.services.commit_queue.nudge("p1"))
    assert second() == []


def test_a_wait_comes_to_its_end(within):
    assert waiter(within, wait_s=0.2)() == []


def test_who_hangs_up_while_it_waits_gets_nothing(within):
    body = json.dumps(dict(CLAIM, finals=[], wait_s=20)).encode()
    plain = connect(within)
    plain.sendall(
        b"POST /v1/next HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        b"Content-Length: %d\r\n\r\n%s" % (len(body), body)
    )
    until(lambda: waiting(within) == 1)
    plain.close()
    until(lambda: waiting(within) == 0)
    with open_pool(within.url) as pool:
        add(pool, "a")
        assert pool.show("a")["state"] == "todo"


def test_claims_are_tried_in_rounds(monkeypatch):
    monkeypatch.setattr(waiting_claims, "WAITERS_AT_ONCE", 2)
    claims = waiting_claims.WaitingClaims()
    for pilot in "abc":
        claims.add_waiter(pilot, waiting_claims.Waiter(None, None, 1e12, None))
    assert not claims.begin_round()
    claims.request_retry()
    assert claims.begin_round()
    assert [pilot for pilot, _ in claims.next_waiters()] == ["a", "b"]
    assert claims.needs_round()
    claims.remove_served(["c"])
    assert claims.next_waiters() == []
    assert len(claims) == 2

"""Ends go out and a claim comes back, in one request."""

import pytest

from pilot.agent import exchange as exchanges
from pilot.agent.pool_queries import PoolQueries
from pilot.agent.exchange import Exchange, first_of
from pilot.pool.interface import Busy, Final, Offer
from tests.agent.running import PLAN, add, outcomes, show
from tests.conftest import steady, until
from tests.pool.cutting import Cutting


def test_a_claim_whose_answer_was_lost_is_given_back_by_a_pilot_that_is_stopped(
    server, start_pilot, tmp_path
):
    add(server, {"id": "a", "command": ["sleep", "300"], "max_attempts": 1})
    proxy = Cutting(int(server.url.rpartition(":")[2]))
    proxy.cut = lambda data: b'"attempt"' in data
    child = start_pilot(*(PLAN + ("--pool", proxy.url, "--workdir", str(tmp_path / "w"))))
    assert proxy.lost.wait(20)
    assert show(server, "a")["state"] == "locked"
    child.terminate()
    proxy.cut = lambda data: False
    assert child.wait(timeout=60) == 143
    told = show(server, "a")
    assert (told["state"], told["attempts_used"], outcomes(told)) == ("todo", 0, ["returned"])
    proxy.close()


@pytest.mark.slow
def test_a_claim_that_waited_longer_than_half_its_lease_is_no_lost_one(
    server, start_pilot, tmp_path
):
    """The lease begins when it is granted, and a claim waits for half a lease at most."""
    child = start_pilot(
        *(
            PLAN
            + (
                "--pool",
                server.url,
                "--workdir",
                str(tmp_path / "w"),
                "--lease-s",
                "3",
                "--idle-s",
                "60",
                "--max-tasks",
                "2",
            )
        )
    )
    for name in ("a", "b"):
        began = steady()
        until(lambda: steady() - began > 2.2)
        add(server, {"id": name, "command": ["sleep", "1"], "max_attempts": 1})
    assert child.wait(timeout=30) == 0
    assert [outcomes(show(server, name)) for name in ("a", "b")] == [["done"], ["done"]]


def final(number=1, size=0):
    return Final("t%d" % number, 1, "done", "", {"stdout": "x" * size})


def test_one_request_takes_so_many_ends():
    assert len(first_of([final(n) for n in range(600)])) == 500


def test_one_request_takes_so_many_bytes():
    assert [one.task for one in first_of([final(n, 400000) for n in range(5)])] == ["t0", "t1"]


def test_an_end_that_is_too_long_goes_alone():
    assert len(first_of([final(1, 5 << 20), final(2)])) == 1


class Asked:
    """A pool's file that keeps what it was asked; `fails` so many times it is busy."""

    remote = False

    def __init__(self):
        self.turns, self.renewed, self.fails = [], [], 0

    def next(self, finals, pilot, offer, count, lease_s, request, wait_s, begun):
        self.turns.append((offer, count, request, list(begun)))
        if self.fails:
            self.fails -= 1
            raise Busy("away")
        return {}, []

    def renew(self, pilot, keys, lease_s):
        self.renewed += keys
        return []


@pytest.fixture
def asked():
    return Asked()


@pytest.fixture
def exchange(config, by_hand, asked):
    return Exchange(config, by_hand, PoolQueries(by_hand, asked, None))


def turn(one, offer=Offer(), count=1, wait_s=0.0):
    one.ask([], offer, count, wait_s, lambda *answer: None, lambda error: None)


def test_a_claim_without_an_answer_is_repeated_as_it_was(exchange, asked):
    asked.fails = 1
    turn(exchange, Offer(cores=4), 3)
    turn(exchange, Offer(cores=1), 1)
    assert asked.turns[0] == asked.turns[1]


def test_it_is_known_that_a_claim_has_no_answer(exchange, asked):
    asked.fails = 1
    turn(exchange)
    assert exchange.open_claim


def test_with_an_answer_the_claim_is_closed(exchange):
    turn(exchange)
    assert not exchange.open_claim


def test_the_next_claim_has_a_higher_number_of_the_same_life(exchange, asked):
    turn(exchange)
    turn(exchange)
    (life, first), (again, second) = [one[2].split(":") for one in asked.turns]
    assert (life, int(second)) == (again, int(first) + 1)


def test_the_time_that_a_claim_may_wait_is_not_offered(exchange, asked):
    turn(exchange, Offer(time_left_s=100.0), wait_s=15.0)
    assert asked.turns[0][0].time_left_s == 85.0


def test_without_an_offer_nothing_is_claimed(exchange, asked):
    turn(exchange, None, 0)
    assert asked.turns[0][1:3] == (0, "none")


def test_what_has_run_for_a_while_is_confirmed_by_the_next_exchange_alone(
    exchange, asked, monkeypatch
):
    monkeypatch.setattr(exchanges, "CONFIRM_S", 0.0)
    exchange.begun(("a", 1))
    turn(exchange)
    turn(exchange)
    assert [one[3] for one in asked.turns] == [[("a", 1)], []]


def test_what_is_over_need_not_be_confirmed(exchange, asked, monkeypatch):
    monkeypatch.setattr(exchanges, "CONFIRM_S", 0.0)
    exchange.begun(("a", 1))
    exchange.ended(("a", 1))
    turn(exchange)
    assert asked.turns[0][3] == []


def test_a_start_that_no_exchange_confirms_is_confirmed_by_a_renewal(
    exchange, asked, by_hand, monkeypatch
):
    monkeypatch.setattr(exchanges, "CONFIRM_S", 0.0)
    exchange.begun(("a", 1))
    by_hand.go_on()
    assert asked.renewed == [("a", 1)]

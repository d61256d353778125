"""Tasks that go from state to state: leases that run out, attempts that are charged or not."""


import pytest

from pilot.pool import open_pool
from tests.pool.asking import add, claim, finish, state


@pytest.mark.transactions
def test_an_attempt_whose_start_was_never_confirmed_costs_nothing(store, clock):
    add(store, "a", max_attempts=1)
    for generation in range(1, 4):
        assert claim(store, lease_s=10)[0][:3] == ("a", generation, 1)
        clock.now += 11
        assert store.status()["todo"] == 1
    lease = claim(store, lease_s=10)[0]
    store.renew("p1", [("a", lease.generation)], 10)  # a renewal confirms as well
    clock.now += 11
    assert store.status()["error"] == 1
    assert [one["outcome"] for one in store.show("a")["attempts"]] == ["lost"] * 4


@pytest.mark.transactions
def test_what_kills_every_agent_before_it_can_confirm_does_not_travel_for_ever(store, clock):
    add(store, "a", max_attempts=1)
    for _ in range(100):
        if store.status()["error"]:
            break
        claim(store, lease_s=1)
        clock.now += 2
    assert state(store, "a") == "error"
    assert len(store.show("a")["attempts"]) == 21


def test_the_first_wait_is_the_pools_and_doubles_with_each_attempt(tmp_path, clock):
    waits = []
    with open_pool("sqlite:%s/p" % tmp_path, create=True, backoff_s=3.0) as pool:
        add(pool, "a")
        for _ in range(2):
            finish(pool, claim(pool)[0], "error")
            waits.append(pool.pending()[1])
            clock.now += 20
    # and up to a tenth
    assert waits == [pytest.approx(6.3, abs=0.3), pytest.approx(12.6, abs=0.6)]

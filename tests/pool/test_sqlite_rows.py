"""Tasks that go from state to state: leases that run out, attempts that are charged or not."""

import contextlib
import sqlite3

import pytest

from pilot.pool import open_pool
from pilot.pool.interface import Busy
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


def test_a_wait_that_is_over_makes_a_task_claimable(pool, clock):
    add(pool, "a")
    finish(pool, claim(pool)[0], "error")
    before = pool.claimable()
    clock.now += 30
    pool.expire()
    assert (before, pool.claimable()) == (0, 1)


def test_time_in_which_nobody_was_served_does_not_count_for_leases(pool, clock):
    add(pool, "a")
    claim(pool, lease_s=10)
    pool.extend_leases(100.0)
    clock.now += 50
    assert pool.status()["locked"] == 1


def test_how_long_a_pool_was_not_served_is_known(pool, clock):
    pool.note_served()
    clock.now += 70
    assert pool.away_s() == pytest.approx(70.0, abs=0.01)


def test_a_pool_that_nobody_served_was_never_away(pool):
    assert pool.away_s() == 0.0


def test_it_is_known_whether_any_task_is_locked(pool):
    add(pool, "a")
    before = pool.has_leases()
    claim(pool)
    assert (before, pool.has_leases()) == (False, True)


def test_an_answer_is_kept_for_a_day(pool, clock):
    add(pool, "a")
    claim(pool, request="life:1", lease_s=200000)
    clock.now += 86000
    pool.forget_requests()
    assert [lease.task for lease in claim(pool, request="life:1")] == ["a"]


def test_an_answer_that_is_older_is_forgotten(pool, clock, tmp_path):
    claim(pool, request="life:1")
    clock.now += 87000
    pool.forget_requests()
    with contextlib.closing(sqlite3.connect(str(tmp_path / "pool.sqlite"))) as other:
        assert other.execute("SELECT count(*) FROM requests").fetchone() == (0,)


def test_a_pool_that_cannot_be_written_says_so_when_it_is_touched(pool, tmp_path):
    pool._db.execute("PRAGMA busy_timeout=0")
    with contextlib.closing(sqlite3.connect(str(tmp_path / "pool.sqlite"))) as hog:
        hog.isolation_level = None
        hog.execute("BEGIN IMMEDIATE")
        with pytest.raises(Busy, match="the pool cannot be written: database is locked"):
            pool.touch()

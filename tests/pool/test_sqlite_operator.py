"""What operators ask of a SQLite pool."""


import pytest

from pilot.pool import open_pool
from pilot.pool.interface import StaleLease
from tests.pool.asking import add, begin, claim, finish


@pytest.mark.transactions
def test_a_task_that_was_cancelled_while_it_ran_is_claimed_again_only_when_its_run_has_ended(
    store, clock
):
    add(store, "a", "b")
    first, second = claim(store, count=2, lease_s=100)
    begin(store, first, second)
    assert store.cancel(["a", "b"]) == 2
    assert store.retry(["a", "b"]) == 2
    assert claim(store, "p2", count=5) == []
    # its agent has heard of it, and tells that nothing of it runs any more
    with pytest.raises(StaleLease):
        finish(store, first, "lost", reason="cancelled")
    assert [lease.task for lease in claim(store, "p2", count=5)] == ["a"]
    clock.now += 99
    assert claim(store, "p2", count=5) == []
    clock.now += 2  # the other was never heard of again
    assert [lease.task for lease in claim(store, "p2", count=5)] == ["b"]


@pytest.mark.transactions
def test_a_late_release_of_what_an_operator_sent_back_gives_no_attempt_too_many(store, clock):
    add(store, "a", max_attempts=1)
    lease = claim(store, lease_s=10)[0]
    begin(store, lease)
    clock.now += 11
    assert store.status()["error"] == 1
    assert store.retry(["a"]) == 1
    assert finish(store, lease, "released") == "todo"
    assert store.show("a")["attempts_used"] == 0


@pytest.mark.transactions
def test_what_was_cancelled_under_a_dead_agent_can_be_forgotten(store, clock):
    add(store, "a")
    begin(store, *claim(store, lease_s=10))
    store.cancel(["a"])
    assert store.purge("held", 0, 10) == 0
    clock.now += 11
    assert store.purge("held", 0, 10) == 1


def test_a_task_that_is_not_there_is_shown_as_none(pool):
    assert pool.show("nobody") is None


def test_a_running_task_is_shown_with_its_pilot_and_the_rest_of_its_lease(pool, clock):
    add(pool, "a")
    claim(pool, lease_s=100)
    clock.now += 40
    told = pool.show("a")
    assert (told["state"], told["pilot"], told["seconds_left"]) == ("locked", "p1", 60.0)


def test_what_is_held_twice_counts_once(pool):
    add(pool, "a")
    assert [pool.cancel(["a"]), pool.cancel(["a"])] == [1, 0]


def test_a_held_task_is_no_claim_until_it_is_sent_back(pool):
    add(pool, "a")
    pool.cancel(["a"])
    before = claim(pool)
    pool.retry(["a"])
    assert (before, [lease.task for lease in claim(pool)]) == ([], ["a"])


def test_what_is_done_is_not_sent_back(pool):
    add(pool, "a")
    finish(pool, claim(pool)[0])
    assert (pool.retry(["a"]), pool.retry(None)) == (0, 0)


def test_what_is_sent_back_says_by_whom(pool):
    add(pool, "a", max_attempts=1)
    finish(pool, claim(pool)[0], "error")
    pool.retry(["a"])
    assert pool.show("a")["reason"] == "sent back by an operator"


def test_no_more_is_forgotten_at_once_than_was_said(pool):
    add(pool, "a", "b", "c")
    pool.cancel(["a", "b", "c"])
    assert [pool.purge("held", 0.0, 2) for _ in range(3)] == [2, 1, 0]


def test_what_changed_lately_is_not_forgotten(pool):
    add(pool, "a")
    finish(pool, claim(pool)[0])
    assert pool.purge("done", 3600.0, 10) == 0


def test_when_the_only_user_begins_anew_its_leases_end(pool):
    add(pool, "a", "b")
    claim(pool, count=2)
    pool.take_back()
    assert pool.status()["locked"] == 0


def test_pending_are_tasks_that_are_not_over_and_when_the_first_may_be_claimed(pool, clock):
    add(pool, "a", "b", "c")
    leases = claim(pool, count=2, lease_s=50)
    finish(pool, leases[0])
    assert pool.pending() == (2, 50.0)


@pytest.fixture
def other(tmp_path):
    """Another pool, to move to."""
    with open_pool("sqlite:%s/other.sqlite" % tmp_path, create=True) as one:
        yield one


def test_a_task_that_moves_keeps_its_state_and_attempts(pool, other):
    add(pool, "a", max_attempts=1)
    finish(pool, claim(pool)[0], "error", reason="exit code 3")
    other.restore(pool.export())
    assert other.show("a") == pool.show("a")


def test_a_task_that_moves_while_it_runs_is_to_be_done_again(pool, other):
    add(pool, "a")
    claim(pool)
    other.restore(pool.export())
    told = other.show("a")
    assert (told["state"], told["attempts"][0]["reason"]) == (
        "todo",
        "moved to another pool while it ran",
    )


def test_who_still_runs_a_task_that_has_moved_is_fenced_off(pool, other):
    add(pool, "a")
    old = claim(pool)[0]
    other.restore(pool.export())
    assert claim(other, "p2")[0].generation == old.generation + 1


def test_what_is_there_already_stays_as_it_is(pool, other):
    add(pool, "a", "b")
    add(other, "b", priority=7)
    assert other.restore(pool.export()) == (1, 1)
    assert other.show("b")["priority"] == 7

"""What operators ask of a SQLite pool."""

import pytest

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

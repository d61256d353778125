"""What a pool promises, held against each store."""

import time

import pytest

from pilot.pool import sqlite
from pilot.pool.interface import Final, Offer, StaleLease
from tests.pool.asking import ANY, add, begin, claim, finish, state


def test_a_task_goes_from_todo_through_locked_to_done(store):
    assert add(store, "a") == (1, 0)
    assert store.status() == {"todo": 1, "locked": 0, "done": 0, "error": 0, "held": 0}
    lease = claim(store)[0]
    assert (lease.task, lease.generation, lease.attempt, lease.seconds) == ("a", 1, 1, 300.0)
    assert lease.spec["command"] == ["true"]
    assert store.status()["locked"] == 1
    assert finish(store, lease) == "done"
    assert store.status() == {"todo": 0, "locked": 0, "done": 1, "error": 0, "held": 0}
    attempt = store.show("a")["attempts"][0]
    assert attempt["outcome"] == "done"
    assert attempt["pilot"] == "p1"
    assert attempt["ended"] >= attempt["started"]


def test_adding_again_changes_nothing(store):
    add(store, "a")
    finish(store, claim(store)[0])
    assert add(store, "a", "b") == (1, 1)
    assert state(store, "a") == "done"


@pytest.mark.ordered
def test_higher_priority_goes_first_then_the_older(store):
    add(store, "a", "b")
    add(store, "c", priority=5)
    add(store, "d", priority=5, cores=2)
    assert [lease.task for lease in claim(store, count=10)] == ["c", "d", "a", "b"]


@pytest.mark.parametrize(
    "needs, offer, fits",
    [
        ({"cores": 2}, Offer(cores=1), False),
        ({"cores": 2}, Offer(cores=2), True),
        ({"memory_mb": 2000}, Offer(memory_mb=1000), False),
        ({"memory_mb": 2000}, Offer(memory_mb=None), True),
        ({"gpus": 1}, Offer(), False),
        ({"gpus": 1}, Offer(gpus=1), True),
        ({"walltime_s": 100}, Offer(time_left_s=50.0), False),
        ({"walltime_s": 100}, Offer(time_left_s=150.0), True),
        ({"walltime_s": 100}, Offer(), True),
        ({}, Offer(time_left_s=50.0, unbounded=False), False),
        ({"walltime_s": 10}, Offer(time_left_s=50.0, unbounded=False), True),
        ({}, Offer(time_left_s=50.0), True),
        ({"tags": ["a", "b"]}, Offer(tags=("a",)), False),
        ({"tags": ["b", "a"]}, Offer(tags=("a", "b", "c")), True),
        ({}, Offer(tags=("a",)), True),
        ({"container": "/image"}, Offer(), False),
        ({"container": "/image"}, Offer(containers=True), True),
    ],
)
def test_a_task_is_given_only_to_who_can_run_it(store, needs, offer, fits):
    add(store, "a", **needs)
    assert bool(claim(store, offer=offer)) is fits


def test_a_repeated_claim_request_gets_the_same_answer(store):
    add(store, "a", "b")
    first, again = claim(store, request="same"), claim(store, request="same")
    assert [lease[:3] for lease in first] == [lease[:3] for lease in again]
    assert store.status()["locked"] == 1
    finish(store, first[0])
    assert claim(store, request="same") == []  # what is over is not given again


def test_a_repeated_end_is_fine_and_counted_once(store):
    add(store, "a")
    lease = claim(store)[0]
    assert [finish(store, lease) for _ in range(3)] == ["done"] * 3
    assert store.status()["done"] == 1
    assert len(store.show("a")["attempts"]) == 1


def test_another_pilot_or_an_older_generation_is_refused(store, clock):
    add(store, "a")
    old = claim(store, "p1", lease_s=10)[0]
    begin(store, old)
    with pytest.raises(StaleLease):
        finish(store, old, pilot="p2")
    clock.now += 11
    assert store.status()["todo"] == 1
    clock.now += 1000
    new = claim(store, "p2")[0]
    assert (new.generation, new.attempt) == (2, 2)
    with pytest.raises(StaleLease):
        finish(store, old)
    with pytest.raises(StaleLease):
        store.release("a", old.generation, "p1", "late")
    assert store.renew("p1", [("a", 1)], 300) == [("a", 1)]
    assert store.renew("p2", [("a", 2)], 300) == []
    assert finish(store, new, pilot="p2") == "done"
    assert [attempt["outcome"] for attempt in store.show("a")["attempts"]] == ["lost", "done"]


def test_an_end_cannot_be_told_otherwise_afterwards(store):
    add(store, "a")
    lease = claim(store)[0]
    finish(store, lease)
    with pytest.raises(StaleLease):
        finish(store, lease, "error")
    assert state(store, "a") == "done"


def test_failures_are_tried_again_after_a_growing_wait_and_then_are_errors(store, clock):
    add(store, "a", max_attempts=3)
    waits = []
    for expected in ("todo", "todo", "error"):
        lease = claim(store)[0]
        assert finish(store, lease, "error", reason="exit code 1") == expected
        assert claim(store) == []
        if expected == "todo":
            waits.append(store.pending()[1])
            # a second, and the rounding of a clock that tells whole ones
            clock.now += waits[-1] + 2
    assert 19 <= waits[0] <= 23
    assert 39 <= waits[1] <= 45
    told = store.show("a")
    assert told["state"] == "error"
    assert told["reason"] == "exit code 1"
    assert len(told["attempts"]) == 3


def test_by_default_a_task_is_an_error_after_three_failures(store, clock):
    add(store, "a")
    for expected in ("todo", "todo", "error"):
        assert finish(store, claim(store)[0], "error", reason="x") == expected
        clock.now += 1000


def test_no_wait_is_longer_than_ten_minutes(store, clock):
    add(store, "a", max_attempts=9)
    for _ in range(8):
        finish(store, claim(store)[0], "error", reason="x")
        wait = store.pending()[1]
        clock.now += wait + 2
    assert 599 <= wait <= 661  # and up to a tenth


def test_a_lease_that_runs_out_counts_as_an_attempt(store, clock):
    add(store, "a", max_attempts=2)
    for expected in ("todo", "error"):
        begin(store, *claim(store, lease_s=5))
        clock.now += 6
        assert store.status()[expected] == 1
        clock.now += 1000
    assert [attempt["outcome"] for attempt in store.show("a")["attempts"]] == ["lost", "lost"]


def test_renewal_keeps_a_lease(store, clock):
    add(store, "a")
    claim(store, lease_s=10)
    for _ in range(5):
        clock.now += 8
        assert store.renew("p1", [("a", 1)], 10) == []
    assert store.status()["locked"] == 1


def test_a_release_refunds_the_attempt_and_waits_for_nothing(store):
    add(store, "a", max_attempts=1)
    lease = claim(store)[0]
    store.release("a", lease.generation, "p1", "draining")
    store.release("a", lease.generation, "p1", "draining")  # a lost reply repeated
    again = claim(store)[0]
    assert (again.generation, again.attempt) == (2, 1)
    assert finish(store, again) == "done"


def test_an_operator_sends_errors_back_with_their_history(store):
    add(store, "a", "b", max_attempts=1)
    for lease in claim(store, count=2):
        finish(store, lease, "error")
    assert store.retry(["a", "nobody"]) == 1
    assert store.status() == {"todo": 1, "locked": 0, "done": 0, "error": 1, "held": 0}
    assert store.retry(None) == 1
    lease = claim(store)[0]
    assert (lease.generation, lease.attempt) == (2, 1)
    assert len(store.show(lease.task)["attempts"]) == 2


@pytest.mark.ordered
def test_a_cancelled_task_is_held_and_its_running_payload_is_fenced_off(store):
    add(store, "a", "b", "c")
    leases = claim(store, count=2)
    finish(store, leases[1])
    assert store.cancel(["a", "b", "c", "nobody"]) == 2
    assert store.status() == {"todo": 0, "locked": 0, "done": 1, "error": 0, "held": 2}
    assert store.renew("p1", [("a", 1)], 300) == [("a", 1)]
    assert claim(store) == []
    with pytest.raises(StaleLease):
        finish(store, leases[0])
    assert store.retry(["a", "c"]) == 2
    assert len(claim(store, count=5)) == 2


def test_a_task_that_never_ends_anywhere_is_given_back_so_often_and_then_is_an_error_with_all_reasons(
    store,
):
    add(store, "a", max_attempts=1, max_releases=2)
    for reason in ("the slot ended", "the node was full", "the slot ended"):
        lease = claim(store)[0]
        finish(store, lease, "released", reason=reason)
    told = store.show("a")
    assert told["state"] == "error"
    assert "the slot ended; the node was full" in told["reason"]
    assert "max_releases is 2" in told["reason"]
    assert store.retry(["a"]) == 1
    assert finish(store, claim(store)[0], "released") == "todo"


def test_what_was_given_back_before_it_was_begun_does_not_count(store):
    add(store, "a", max_attempts=1, max_releases=0)
    for _ in range(4):
        assert finish(store, claim(store)[0], "returned") == "todo"
    assert finish(store, claim(store)[0], "released") == "error"


def test_who_has_no_work_hears_of_the_tasks_that_wait_for_another_attempt(store, clock):
    assert store.backlog(ANY) == (0, 0, None)
    add(store, "a", "b", cores=4)
    finish(store, claim(store)[0], "error")
    told = store.backlog(ANY)
    assert told[:2] == (2, 1)
    assert 15 < told.retry_s < 25
    assert store.backlog(Offer(cores=1)).retry_s is None  # it fits only others


@pytest.mark.ordered
def test_end_and_claim_are_one_transaction(store):
    add(store, "a", "b")
    first = claim(store)[0]
    states, leases = store.next(
        [Final("a", 1, "done", "", {}), Final("b", 7, "done", "", {})], "p1", ANY, 1, 300, "n1"
    )
    assert states == {("a", 1): "done", ("b", 7): "stale"}
    assert [lease.task for lease in leases] == ["b"]
    assert first.task == "a"


@pytest.mark.ordered
def test_export_tells_every_task_with_state_and_attempts(store):
    add(store, *["t%d" % n for n in range(1200)])
    finish(store, claim(store)[0])
    told = list(store.export())
    assert len(told) == 1200
    assert told[0]["state"] == "done"
    assert len(told[0]["attempts"]) == 1
    assert told[5]["attempts"] == []
    assert [task["id"] for task in store.export("done")] == ["t0"]


@pytest.mark.parametrize("moved_s", [-3600, 3600, 1e12])
def test_the_time_of_day_plays_no_part(store, monkeypatch, moved_s):
    add(store, "a")
    claim(store, lease_s=100)
    then = time.time() + moved_s
    monkeypatch.setattr(sqlite.time, "time", lambda: then)
    assert store.status()["locked"] == 1


def knows_needs(store):
    return store.demand().holders is not None


def test_a_factory_learns_what_the_tasks_need(store):
    if not knows_needs(store):
        pytest.skip("this store does not know the needs of its tasks")
    add(store, "a", "b", cores=2, memory_mb=4000)
    add(store, "c", gpus=1, walltime_s=60.0, tags=["x", "b"], container="/image")
    add(store, "d")
    demand = store.demand()
    assert [tuple(need) for need in demand.needs] == [
        (2, 4000, 0, 0.0, (), False, 2, 0, 0),
        (1, 0, 1, 60.0, ("b", "x"), True, 1, 0, 0),
        (1, 0, 0, 0.0, (), False, 1, 0, 0),
    ]
    assert demand.holders == {}


def test_a_factory_learns_what_runs_and_what_waits(store):
    add(store, "a", "b", "c")
    first, second = claim(store, count=2)
    finish(store, first, "error")
    (need,) = store.demand().needs
    assert (need.todo + need.waiting, need.locked) == (2, 1)
    assert finish(store, second) == "done"
    assert [one.locked for one in store.demand().needs] == [0]


def test_a_factory_learns_who_uses_the_cores(store):
    if not knows_needs(store):
        pytest.skip("this store does not know who runs its tasks")
    add(store, "a", "b", cores=2)
    add(store, "c")
    claim(store, "p1", 2)
    claim(store, "p2", 1)
    assert store.demand().holders == {"p1": 4, "p2": 1}


def test_tasks_that_are_over_are_no_demand(store):
    add(store, "a", "b")
    (lease,) = claim(store)
    finish(store, lease)
    store.cancel([name for name in "ab" if name != lease.task])
    assert [need for need in store.demand().needs if need.todo or need.waiting or need.locked] == []


def test_the_tasks_of_a_pilot_that_died_are_demand_again(store, clock):
    add(store, "a", max_attempts=2)
    claim(store, lease_s=5.0)
    clock.now += 6
    (need,) = store.demand().needs
    assert (need.todo + need.waiting, need.locked) == (1, 0)

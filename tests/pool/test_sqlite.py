"""The agent's half of a SQLite pool: claims, ends, several processes at one file."""

import multiprocessing
import random

import pytest

from pilot.pool import open_pool
from pilot.pool.interface import Final, Offer, StaleLease
from tests.pool.asking import ANY, add, begin, claim, finish, state


def _work(url, pilot, results):
    pool, done = open_pool(url), []
    finals = []
    for number in range(10000):
        _, leases = pool.next(finals, pilot, ANY, 1, 300, "%s-%d" % (pilot, number))
        finals = [Final(lease.task, lease.generation, "done", "", {}) for lease in leases]
        if not leases:
            break
        done += [lease.task for lease in leases]
    pool.close()
    results.put(done)


def test_several_processes_share_a_file_and_each_task_is_given_once(url, pool):
    add(pool, *["t%d" % n for n in range(400)])
    results = multiprocessing.get_context("spawn").Queue()
    workers = [
        multiprocessing.get_context("spawn").Process(target=_work, args=(url, "p%d" % n, results))
        for n in range(4)
    ]
    for worker in workers:
        worker.start()
    done = [task for _ in workers for task in results.get(timeout=60)]
    for worker in workers:
        worker.join()
    results.close()
    results.join_thread()
    assert len(done) == 400
    assert len(set(done)) == 400
    assert pool.status()["done"] == 400


def _fits(spec, offer):
    return (
        spec["cores"] <= offer.cores
        and spec["gpus"] <= offer.gpus
        and set(spec["tags"]) <= set(offer.tags)
        and (offer.memory_mb is None or spec["memory_mb"] <= offer.memory_mb)
        and (offer.time_left_s is None or spec["walltime_s"] <= offer.time_left_s)
    )


@pytest.mark.parametrize("seed", range(12))
def test_who_asks_gets_the_foremost_tasks_that_fit(pool, seed):
    """Against a plain sort of all tasks; some offers find theirs at the head of the line, others
    far behind it."""
    chance = random.Random(seed)
    specs = [
        {
            "id": "t%d" % n,
            "command": ["true"],
            "priority": chance.randint(-2, 2),
            "cores": chance.choice([1, 1, 8]),
            "memory_mb": chance.choice([0, 2000, n]),
            "gpus": chance.choice([0, 0, 1]),
            "walltime_s": chance.choice([60.0, 600.0 + n]),
            "tags": chance.choice([[], [], ["a"], ["a", "b"]]),
        }
        for n in range(400)
    ]
    pool.add(specs)
    waiting = sorted(specs, key=lambda spec: -spec["priority"])
    short = 0
    while short < 5:
        offer = Offer(
            chance.choice([1, 8]),
            chance.choice([None, 100, 4000]),
            chance.choice([0, 1]),
            chance.choice([None, 100.0, 700.0]),
            chance.choice([(), ("a",), ("a", "b", "c")]),
        )
        count = chance.choice([1, 3, 40])
        expected = [spec for spec in waiting if _fits(spec, offer)][:count]
        assert [lease.spec["id"] for lease in claim(pool, offer=offer, count=count)] == [
            spec["id"] for spec in expected
        ]
        waiting = [spec for spec in waiting if spec not in expected]
        short += len(expected) < count


@pytest.mark.transactions
@pytest.mark.parametrize(
    "outcome, max_attempts, expected, used",
    [
        ("done", 1, "done", 1),
        ("done", 3, "done", 1),
        ("error", 1, "error", 1),
        ("error", 3, "todo", 1),
        ("released", 1, "todo", 0),
        ("returned", 1, "todo", 0),
    ],
)
@pytest.mark.parametrize("confirmed", [True, False])
def test_an_end_that_nobody_else_holds_is_taken_after_its_lease(
    store, clock, outcome, max_attempts, expected, used, confirmed
):
    add(store, "a", max_attempts=max_attempts)
    lease = claim(store, lease_s=10)[0]
    if confirmed:
        begin(store, lease)
    clock.now += 11
    assert store.status()["locked"] == 0
    assert [finish(store, lease, outcome, reason="late") for _ in range(2)] == [expected] * 2
    told = store.show("a")
    assert (told["state"], told["attempts_used"], [one["outcome"] for one in told["attempts"]]) == (
        expected,
        used,
        [outcome],
    )


@pytest.mark.transactions
def test_an_end_after_its_lease_is_refused_once_another_has_claimed_or_an_operator_held_it(
    store, clock
):
    add(store, "a", "b")
    old = claim(store, count=2, lease_s=10)
    clock.now += 11
    assert store.cancel(["b"]) == 1
    assert [lease.task for lease in claim(store, "p2", count=2)] == ["a"]
    for lease in old:
        with pytest.raises(StaleLease):
            finish(store, lease)
    assert state(store, "a") == "locked"
    assert state(store, "b") == "held"


@pytest.mark.transactions
def test_a_request_that_was_long_under_way_is_given_nothing(store):
    add(store, "a", "b", "c")
    assert [lease.task for lease in claim(store, request="life:1")] == ["a"]
    assert [lease.task for lease in claim(store, request="life:3")] == ["b"]
    assert claim(store, request="life:2") == claim(store, request="life:1") == []
    # the newest may be asked again
    assert [lease.task for lease in claim(store, request="life:3")] == ["b"]
    assert [lease.task for lease in claim(store, request="other:1")] == ["c"]


@pytest.mark.transactions
def test_an_old_request_is_known_also_when_the_newer_one_was_given_nothing(store):
    assert claim(store, request="life:2") == []
    add(store, "a")
    assert claim(store, request="life:1") == []
    assert len(claim(store, request="life:2")) == 1

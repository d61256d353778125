import contextlib
import multiprocessing
import random
import sqlite3
import threading

import pytest

from pilot.errors import UsageError
from pilot.pool import open_pool, sqlite_file
from pilot.pool.interface import Busy, Final, Offer
from tests.pool.asking import ANY, add, claim, finish


def test_after_a_restart_of_the_machine_leases_begin_anew(url, pool, clock, monkeypatch):
    add(pool, "a", "b")
    claim(pool, lease_s=10)
    finish(pool, claim(pool)[0], "error")
    monkeypatch.setattr(sqlite_file, "boot_id", lambda: "another boot")
    clock.now = 5.0
    other = open_pool(url)
    assert other.status() == {"todo": 1, "locked": 1, "done": 0, "error": 0, "held": 0}
    assert len(claim(other)) == 1  # the wait is over
    clock.now += 301
    assert other.status()["locked"] == 0 or other.show("a")["state"] == "todo"
    other.close()


def test_a_pool_that_is_locked_by_another_is_busy(url, pool, tmp_path, monkeypatch):
    monkeypatch.setattr(sqlite_file, "BUSY_S", 0.05)
    other = open_pool(url)
    hog = sqlite3.connect(str(tmp_path / "pool.sqlite"), isolation_level=None)
    hog.execute("BEGIN IMMEDIATE")
    with pytest.raises(Busy, match="cannot be written"):
        claim(other)
    hog.execute("ROLLBACK")
    hog.close()
    assert claim(other) == []
    other.close()


@pytest.mark.parametrize(
    "make, words",
    [
        (lambda path: None, "there is no such file"),
        (lambda path: path.write_text("not a database, " * 100), "cannot be opened"),
        (
            lambda path: sqlite3.connect(str(path))
            .execute("CREATE TABLE x (a)")
            .connection.close(),
            "another program's database",
        ),
    ],
)
def test_what_is_no_pool_is_told(tmp_path, make, words):
    make(tmp_path / "p")
    with pytest.raises(UsageError, match=words):
        open_pool("sqlite:%s/p" % tmp_path)


@pytest.mark.parametrize("url", ["sqlite:", "ftp://x", "x", ""])
def test_other_schemes_are_refused(url):
    with pytest.raises(UsageError, match="is not a pool"):
        open_pool(url)


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
    assert len(done) == 400 and len(set(done)) == 400 and pool.status()["done"] == 400


def test_counters_agree_with_the_tasks(pool, tmp_path):
    add(pool, *["t%d" % n for n in range(50)], max_attempts=1)
    for number, lease in enumerate(claim(pool, count=30)):
        finish(pool, lease, "done" if number % 3 else "error")
    pool.cancel(["t40", "t41"])
    pool.retry(["t0"])
    with contextlib.closing(sqlite3.connect(str(tmp_path / "pool.sqlite"))) as other:
        counted = dict(other.execute("SELECT state, count(*) FROM tasks GROUP BY state"))
    assert {state: count for state, count in pool.status().items() if count} == counted


def test_a_pool_is_not_shared_between_threads_by_accident(pool):
    caught = []

    def use():
        try:
            pool.status()
        except sqlite3.ProgrammingError as error:
            caught.append(error)
    thread = threading.Thread(target=use)
    thread.start()
    thread.join()
    assert caught


def test_a_damaged_file_is_busy_not_a_crash(url, pool, tmp_path):
    add(pool, *["t%d" % n for n in range(300)])
    pool.close()
    path = tmp_path / "pool.sqlite"
    data = bytearray(path.read_bytes())
    data[4096:] = b"\xff" * (len(data) - 4096)
    path.write_bytes(bytes(data))
    with pytest.raises((Busy, UsageError)):
        with open_pool(url) as damaged:
            damaged.status()
            list(damaged.export())


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


@pytest.mark.parametrize(
    "act", ["claim and finish", "claim and finish, a class per task", "renew", "status", "pending"]
)
def test_the_work_of_a_request_does_not_grow_with_the_pool(tmp_path, act):
    """Counted in steps of SQLite's own machine, so that it says the same on every computer."""
    def steps(size):
        pool, count = open_pool("sqlite:%s/%d" % (tmp_path, size), create=True), [0]
        pool.add(
            [
                {"id": "t%d" % n, "command": ["true"], "walltime_s": 60 + ("class" in act) * n}
                for n in range(size)
            ]
        )
        for lease in claim(pool, count=size // 2):
            if lease.task[-1] != "7":
                finish(pool, lease, "error" if lease.task[-1] == "3" else "done")
        lease = claim(pool)[0]

        def step():
            count[0] += 1
        pool._db.set_progress_handler(step, 1)
        if act.startswith("claim and finish"):
            pool.next([Final(lease.task, lease.generation, "done", "", {})], "p1", ANY, 1, 300, "z")
        elif act == "renew":
            pool.renew("p1", [(lease.task, lease.generation)], 300)
        else:
            getattr(pool, act)()
        pool._db.set_progress_handler(None, 1)
        pool.close()
        return count[0]
    assert steps(6000) <= 1.2 * steps(600)

import contextlib
import multiprocessing
import random
import sqlite3
import threading

import pytest

from pilot.errors import UsageError
from pilot.pool import open_pool, sqlite, sqlite_file
from pilot.pool.interface import Busy, Final, Offer, StaleLease

ANY = Offer(cores=64, memory_mb=None, gpus=8, tags=("a", "b"), containers=True)


class Clock:
    """The pool's clock, moved by hand."""

    def __init__(self, monkeypatch):
        self.now = 1000.0
        monkeypatch.setattr(sqlite_file, "clock", lambda: self.now)


@pytest.fixture
def clock(monkeypatch):
    return Clock(monkeypatch)


@pytest.fixture
def url(tmp_path):
    return "sqlite:%s/pool.sqlite" % tmp_path


@pytest.fixture
def pool(url):
    one = open_pool(url, create=True)
    yield one
    one.close()


def add(pool, *names, **fields):
    return pool.add([dict({"id": name, "command": ["true"]}, **fields) for name in names])


def claim(pool, pilot="p1", count=1, offer=ANY, lease_s=300.0, request=None):
    claim.requests += 1
    return pool.claim(pilot, offer, count, lease_s, request or "r%d" % claim.requests)


claim.requests = 0


def finish(pool, lease, outcome="done", pilot="p1", reason=""):
    return pool.finish(Final(lease.task, lease.generation, outcome, reason, {"exit_code": 0}), pilot)


def state(pool, name):
    return pool.show(name)["state"]


def test_a_task_goes_from_todo_through_locked_to_done(pool):
    assert add(pool, "a") == (1, 0)
    assert pool.status() == {"todo": 1, "locked": 0, "done": 0, "error": 0, "held": 0}
    lease = claim(pool)[0]
    assert (lease.task, lease.generation, lease.attempt, lease.seconds) == ("a", 1, 1, 300.0) and lease.spec["command"] == ["true"]
    assert pool.status()["locked"] == 1
    assert finish(pool, lease) == "done"
    assert pool.status() == {"todo": 0, "locked": 0, "done": 1, "error": 0, "held": 0}
    attempt = pool.show("a")["attempts"][0]
    assert attempt["outcome"] == "done" and attempt["pilot"] == "p1" and attempt["ended"] >= attempt["started"]


def test_adding_again_changes_nothing(pool):
    add(pool, "a")
    finish(pool, claim(pool)[0])
    assert add(pool, "a", "b") == (1, 1) and state(pool, "a") == "done"


def test_higher_priority_goes_first_then_the_older(pool):
    add(pool, "a", "b")
    add(pool, "c", priority=5)
    add(pool, "d", priority=5, cores=2)
    assert [lease.task for lease in claim(pool, count=10)] == ["c", "d", "a", "b"]


@pytest.mark.parametrize("needs, offer, fits", [
    ({"cores": 2}, Offer(cores=1), False), ({"cores": 2}, Offer(cores=2), True),
    ({"memory_mb": 2000}, Offer(memory_mb=1000), False), ({"memory_mb": 2000}, Offer(memory_mb=None), True),
    ({"gpus": 1}, Offer(), False), ({"gpus": 1}, Offer(gpus=1), True),
    ({"walltime_s": 100}, Offer(time_left_s=50.0), False), ({"walltime_s": 100}, Offer(time_left_s=150.0), True), ({"walltime_s": 100}, Offer(), True),
    ({"tags": ["a", "b"]}, Offer(tags=("a",)), False), ({"tags": ["b", "a"]}, Offer(tags=("a", "b", "c")), True), ({}, Offer(tags=("a",)), True),
    ({"container": "/image"}, Offer(), False), ({"container": "/image"}, Offer(containers=True), True)])
def test_a_task_is_given_only_to_who_can_run_it(pool, needs, offer, fits):
    add(pool, "a", **needs)
    assert bool(claim(pool, offer=offer)) is fits


def test_a_repeated_claim_request_gets_the_same_answer(pool):
    add(pool, "a", "b")
    first, again = claim(pool, request="same"), claim(pool, request="same")
    assert [lease[:3] for lease in first] == [lease[:3] for lease in again] and pool.status()["locked"] == 1
    finish(pool, first[0])
    assert claim(pool, request="same") == []  # what is over is not given again


def test_a_repeated_end_is_fine_and_counted_once(pool):
    add(pool, "a")
    lease = claim(pool)[0]
    assert [finish(pool, lease) for _ in range(3)] == ["done"] * 3
    assert pool.status()["done"] == 1 and len(pool.show("a")["attempts"]) == 1


def test_another_pilot_or_an_older_generation_is_refused(pool, clock):
    add(pool, "a")
    old = claim(pool, "p1", lease_s=10)[0]
    with pytest.raises(StaleLease):
        finish(pool, old, pilot="p2")
    clock.now += 11
    assert pool.status()["todo"] == 1
    clock.now += 1000
    new = claim(pool, "p2")[0]
    assert (new.generation, new.attempt) == (2, 2)
    with pytest.raises(StaleLease):
        finish(pool, old)
    with pytest.raises(StaleLease):
        pool.release("a", old.generation, "p1", "late")
    assert pool.renew("p1", [("a", 1)], 300) == [("a", 1)] and pool.renew("p2", [("a", 2)], 300) == []
    assert finish(pool, new, pilot="p2") == "done"
    assert [attempt["outcome"] for attempt in pool.show("a")["attempts"]] == ["lost", "done"]


def test_an_end_cannot_be_told_otherwise_afterwards(pool):
    add(pool, "a")
    lease = claim(pool)[0]
    finish(pool, lease)
    with pytest.raises(StaleLease):
        finish(pool, lease, "error")
    assert state(pool, "a") == "done"


def test_failures_are_tried_again_after_a_growing_wait_and_then_are_errors(pool, clock):
    add(pool, "a", max_attempts=3)
    waits = []
    for expected in ("todo", "todo", "error"):
        lease = claim(pool)[0]
        assert finish(pool, lease, "error", reason="exit code 1") == expected
        assert claim(pool) == []
        if expected == "todo":
            waits.append(pool.pending()[1])
            clock.now += waits[-1] + 0.01
    assert waits[1] > waits[0] >= 20
    told = pool.show("a")
    assert told["state"] == "error" and told["reason"] == "exit code 1" and len(told["attempts"]) == 3


def test_a_lease_that_runs_out_counts_as_an_attempt(pool, clock):
    add(pool, "a", max_attempts=2)
    for expected in ("todo", "error"):
        claim(pool, lease_s=5)
        clock.now += 6
        assert pool.status()[expected] == 1
        clock.now += 1000
    assert [attempt["outcome"] for attempt in pool.show("a")["attempts"]] == ["lost", "lost"]


def test_renewal_keeps_a_lease(pool, clock):
    add(pool, "a")
    claim(pool, lease_s=10)
    for _ in range(5):
        clock.now += 8
        assert pool.renew("p1", [("a", 1)], 10) == []
    assert pool.status()["locked"] == 1


def test_a_release_refunds_the_attempt_and_waits_for_nothing(pool):
    add(pool, "a", max_attempts=1)
    lease = claim(pool)[0]
    pool.release("a", lease.generation, "p1", "draining")
    pool.release("a", lease.generation, "p1", "draining")  # a lost reply repeated
    again = claim(pool)[0]
    assert (again.generation, again.attempt) == (2, 1)
    assert finish(pool, again) == "done"


def test_an_operator_sends_errors_back_with_their_history(pool):
    add(pool, "a", "b", max_attempts=1)
    for lease in claim(pool, count=2):
        finish(pool, lease, "error")
    assert pool.retry(["a", "nobody"]) == 1 and pool.status() == {"todo": 1, "locked": 0, "done": 0, "error": 1, "held": 0}
    assert pool.retry(None) == 1
    lease = claim(pool)[0]
    assert (lease.generation, lease.attempt) == (2, 1) and len(pool.show(lease.task)["attempts"]) == 2


def test_a_cancelled_task_is_held_and_its_running_payload_is_fenced_off(pool):
    add(pool, "a", "b", "c")
    leases = claim(pool, count=2)
    finish(pool, leases[1])
    assert pool.cancel(["a", "b", "c", "nobody"]) == 2
    assert pool.status() == {"todo": 0, "locked": 0, "done": 1, "error": 0, "held": 2}
    assert pool.renew("p1", [("a", 1)], 300) == [("a", 1)] and claim(pool) == []
    with pytest.raises(StaleLease):
        finish(pool, leases[0])
    assert pool.retry(["a", "c"]) == 2 and len(claim(pool, count=5)) == 2


def test_end_and_claim_are_one_transaction(pool):
    add(pool, "a", "b")
    first = claim(pool)[0]
    states, leases = pool.next([Final("a", 1, "done", "", {}), Final("b", 7, "done", "", {})], "p1", ANY, 1, 300, "n1")
    assert states == {("a", 1): "done", ("b", 7): "stale"} and [lease.task for lease in leases] == ["b"]
    assert first.task == "a"


def test_export_tells_every_task_with_state_and_attempts(pool):
    add(pool, *["t%d" % n for n in range(1200)])
    finish(pool, claim(pool)[0])
    told = list(pool.export())
    assert len(told) == 1200 and told[0]["state"] == "done" and len(told[0]["attempts"]) == 1 and told[5]["attempts"] == []
    assert [task["id"] for task in pool.export("done")] == ["t0"]


def test_the_time_of_day_plays_no_part(pool, monkeypatch):
    add(pool, "a")
    claim(pool, lease_s=100)
    monkeypatch.setattr(sqlite.time, "time", lambda: 1e12)
    assert pool.status()["locked"] == 1


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


@pytest.mark.parametrize("make, words", [
    (lambda path: None, "there is no such file"), (lambda path: path.write_text("not a database, " * 100), "cannot be opened"),
    (lambda path: sqlite3.connect(str(path)).execute("CREATE TABLE x (a)").connection.close(), "another program's database")])
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
    workers = [multiprocessing.get_context("spawn").Process(target=_work, args=(url, "p%d" % n, results)) for n in range(4)]
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
    return (spec["cores"] <= offer.cores and spec["gpus"] <= offer.gpus and set(spec["tags"]) <= set(offer.tags)
            and (offer.memory_mb is None or spec["memory_mb"] <= offer.memory_mb)
            and (offer.time_left_s is None or spec["walltime_s"] <= offer.time_left_s))


@pytest.mark.parametrize("seed", range(12))
def test_who_asks_gets_the_foremost_tasks_that_fit(pool, seed):
    """Against a plain sort of all tasks; some offers find theirs at the head of the line, others far behind it."""
    chance = random.Random(seed)
    specs = [{"id": "t%d" % n, "command": ["true"], "priority": chance.randint(-2, 2), "cores": chance.choice([1, 1, 8]),
              "memory_mb": chance.choice([0, 2000, n]), "gpus": chance.choice([0, 0, 1]), "walltime_s": chance.choice([60.0, 600.0 + n]),
              "tags": chance.choice([[], [], ["a"], ["a", "b"]])} for n in range(400)]
    pool.add(specs)
    waiting = sorted(specs, key=lambda spec: -spec["priority"])
    short = 0
    while short < 5:
        offer = Offer(chance.choice([1, 8]), chance.choice([None, 100, 4000]), chance.choice([0, 1]),
                      chance.choice([None, 100.0, 700.0]), chance.choice([(), ("a",), ("a", "b", "c")]))
        count = chance.choice([1, 3, 40])
        expected = [spec for spec in waiting if _fits(spec, offer)][:count]
        assert [lease.spec["id"] for lease in claim(pool, offer=offer, count=count)] == [spec["id"] for spec in expected]
        waiting = [spec for spec in waiting if spec not in expected]
        short += len(expected) < count


@pytest.mark.parametrize("act", ["claim and finish", "claim and finish, a class per task", "renew", "status", "pending"])
def test_the_work_of_a_request_does_not_grow_with_the_pool(tmp_path, act):
    """Counted in steps of SQLite's own machine, so that it says the same on every computer."""
    def steps(size):
        pool, count = open_pool("sqlite:%s/%d" % (tmp_path, size), create=True), [0]
        pool.add([{"id": "t%d" % n, "command": ["true"], "walltime_s": 60 + ("class" in act) * n} for n in range(size)])
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

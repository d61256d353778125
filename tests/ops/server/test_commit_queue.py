"""Group commit, and claims that wait for work."""

import os
import subprocess
import sys

import pytest

from pilot.pool import open_pool
from pilot.pool.interface import Busy, Final, Offer
from tests.conftest import ROOT, until
from tests.ops.server.asking import waiter, waiting
from tests.pool.asking import add, claim


def test_a_claim_waits_until_there_is_work(within):
    found = waiter(within)
    until(lambda: waiting(within) == 1)
    with open_pool(within.url) as pool:
        add(pool, "a")
    assert found() == ["a"]
    assert waiting(within) == 0


def test_each_of_many_waiters_gets_one_and_who_does_not_fit_waits_on(within):
    big = waiter(within, "big", Offer(cores=0))
    until(lambda: waiting(within) == 1)
    small = [waiter(within, "p%d" % n) for n in range(5)]
    until(lambda: waiting(within) == 6)
    with open_pool(within.url) as pool:
        add(pool, *["t%d" % n for n in range(3)])
        until(lambda: waiting(within) == 3)
        add(pool, *["u%d" % n for n in range(2)])
    assert sorted(sum((one() for one in small), [])) == ["t0", "t1", "t2", "u0", "u1"]
    with open_pool(within.url) as pool:
        pool.nudge("big")
    assert big() == []


def test_a_failed_attempts_end_of_wait_and_a_lost_lease_wake_who_waits(within, clock):
    with open_pool(within.url) as pool:
        add(pool, "a")
        claim(pool, "gone", lease_s=60)
        found = waiter(within)
        until(lambda: waiting(within) == 1)
        clock.now += 61  # the lease runs out: a failed attempt, which waits some seconds
        until(lambda: pool.show("a")["state"] == "todo")
        clock.now += 30
    assert found() == ["a"]


def test_a_released_task_wakes_who_waits(within):
    with open_pool(within.url) as pool:
        add(pool, "a")
        lease = claim(pool, "first")[0]
        found = waiter(within, "second")
        until(lambda: waiting(within) == 1)
        pool.next(
            [Final("a", lease.generation, "released", "drained", {})],
            "first",
            Offer(),
            0,
            300.0,
            "x",
        )
    assert found() == ["a"]


def test_a_nudge_that_comes_together_with_its_claim_is_not_lost(within):
    from pilot.ops.server.tasks_api import NOTHING

    heard = []

    def both():
        within.server.services.commit_queue.submit_waiting(lambda: None, heard.append, "p1", 15.0, NOTHING)
        within.server.services.commit_queue.nudge("p1")

    within.call(both)
    until(lambda: heard == [NOTHING])
    assert waiting(within) == 0


def test_a_bug_costs_its_own_request_only(within, monkeypatch):
    def broken(names):
        raise RuntimeError("a bug")

    within.server.services.pool.cancel = broken
    with open_pool(within.url) as pool:
        add(pool, "a")
        with pytest.raises(Busy, match="has a bug here"):
            pool.cancel(["a"])
        assert pool.status()["todo"] == 1


def test_a_file_that_cannot_be_written_is_busy_and_told_so(within):
    with open_pool(within.url) as pool:
        add(pool, "a")
        within.call(lambda: within.server.services.pool._db.execute("PRAGMA max_page_count=1"))
        with pytest.raises(Busy, match="HTTP 503: the pool cannot be written"):
            add(pool, *["x%d" % n for n in range(3000)])
        within.call(lambda: within.server.services.pool._db.execute("PRAGMA max_page_count=1000000"))
        assert pool.status()["todo"] == 1
        assert add(pool, "b") == (1, 0)


def test_what_only_reads_is_answered_while_nothing_can_be_written(within):
    """After a failure each transaction writes that the server works again."""
    def full():
        raise Busy("the pool cannot be written: database or disk is full")

    store = within.server.services.pool
    with open_pool(within.url) as pool:
        add(pool, "a")
        store.note_served, store.add = full, lambda specs: full()
        for _ in range(2):
            with pytest.raises(Busy, match="HTTP 503: the pool cannot be written"):
                add(pool, "b")
            assert pool.status()["todo"] == 1
            assert pool.show("a")["state"] == "todo"
        del store.note_served, store.add
        assert add(pool, "b") == (1, 0)


def test_a_locked_file_is_not_waited_for_again_by_each_read(within):
    calls = []

    def locked():
        raise Busy("the pool cannot be written: database is locked")

    store = within.server.services.pool
    count = store.status
    with open_pool(within.url) as pool:
        add(pool, "a")
        within.call(store.note_served)
        store.expire_leases, store.status = locked, lambda: calls.append(1) or count()
        with pytest.raises(Busy, match="HTTP 503: .*database is locked"):
            pool.status()
        assert calls == []
        del store.expire_leases, store.status
        assert pool.status()["todo"] == 1


def test_a_full_disk_is_told_at_once(tmp_path):
    small = tmp_path / "small"
    small.mkdir()
    if os.geteuid() != 0 or subprocess.call(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(small)], stderr=subprocess.DEVNULL
    ):
        pytest.skip("tmpfs cannot be mounted here")
    with open(str(tmp_path / "log"), "wb") as log:
        child = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "pilot.pool",
                "serve",
                "sqlite:%s/p" % small,
                "--create",
                "--listen",
                "127.0.0.1:0",
            ],
            cwd=str(ROOT),
            stdout=subprocess.PIPE,
            stderr=log,
        )
    try:
        with open_pool(child.stdout.readline().decode().split(" at ")[1].split()[0]) as pool:
            with pytest.raises(Busy):
                for number in range(200):
                    add(pool, *["t%d-%d" % (number, n) for n in range(100)], env={"A": "x" * 500})
        assert "ERROR" in (tmp_path / "log").read_text()
        assert "full" in (tmp_path / "log").read_text()
    finally:
        child.kill()
        child.wait()
        child.stdout.close()
        subprocess.call(["umount", "-l", str(small)])

"""The tables of a SQLite pool: counters, indexes, older versions."""

import contextlib
import sqlite3

import pytest

from pilot.pool import open_pool
from pilot.pool.interface import Final
from tests.pool.asking import ANY, add, claim, finish


def test_counters_agree_with_the_tasks(pool, tmp_path):
    add(pool, *["t%d" % n for n in range(50)], max_attempts=1)
    for number, lease in enumerate(claim(pool, count=30)):
        finish(pool, lease, "done" if number % 3 else "error")
    pool.cancel(["t40", "t41"])
    pool.retry(["t0"])
    with contextlib.closing(sqlite3.connect(str(tmp_path / "pool.sqlite"))) as other:
        counted = dict(other.execute("SELECT state, count(*) FROM tasks GROUP BY state"))
    assert {state: count for state, count in pool.status().items() if count} == counted


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

"""The tables of a SQLite pool: counters, indexes, older versions."""

import contextlib
import sqlite3

import pytest

from pilot.pool import open_pool, sqlite_file
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

        pool._file.db.set_progress_handler(step, 1)
        if act.startswith("claim and finish"):
            pool.next([Final(lease.task, lease.generation, "done", "", {})], "p1", ANY, 1, 300, "z")
        elif act == "renew":
            pool.renew("p1", [(lease.task, lease.generation)], 300)
        else:
            getattr(pool, act)()
        pool._file.db.set_progress_handler(None, 1)
        pool.close()
        return count[0]

    assert steps(6000) <= 1.2 * steps(600)


def former(path):
    """A pool as version 1 made it, with one task in each of some states."""
    db = sqlite3.connect(str(path), isolation_level=None)
    db.executescript(TABLES_1)
    for name, value in (("version", "1"), ("boot", sqlite_file.boot_id()), ("backoff_s", "10.0")):
        db.execute("INSERT INTO meta VALUES (?, ?)", (name, value))
    db.execute("INSERT INTO classes VALUES (1, 1, 0, 0, 0.0, '', 0, 0)")
    for number, state in enumerate(("todo", "done", "error"), 1):
        db.execute(
            "INSERT INTO tasks VALUES (?, ?, 1, ?, ?, 0, 0, 0, 3, NULL, NULL, NULL, 1.0, ?)",
            (number, state, state, int(state == "todo"), '{"command": ["true"]}'),
        )
    db.close()


TABLES_1 = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE classes (
    class INTEGER PRIMARY KEY, cores INTEGER NOT NULL, memory_mb INTEGER NOT NULL,
    gpus INTEGER NOT NULL, walltime_s REAL NOT NULL, tags TEXT NOT NULL,
    container INTEGER NOT NULL, ready INTEGER NOT NULL DEFAULT 0,
    UNIQUE (cores, memory_mb, gpus, walltime_s, tags, container));
CREATE TABLE tasks (
    seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, class INTEGER NOT NULL REFERENCES classes,
    state TEXT NOT NULL, ready INTEGER NOT NULL, priority INTEGER NOT NULL,
    generation INTEGER NOT NULL DEFAULT 0, attempts INTEGER NOT NULL DEFAULT 0,
    max_attempts INTEGER NOT NULL, until REAL, pilot TEXT, reason TEXT,
    added REAL NOT NULL, spec TEXT NOT NULL);
CREATE INDEX tasks_ready ON tasks (class, priority DESC, seq) WHERE ready = 1;
CREATE INDEX tasks_line ON tasks (priority DESC, seq, class) WHERE ready = 1;
CREATE INDEX tasks_locked ON tasks (until) WHERE state = 'locked';
CREATE INDEX tasks_waiting ON tasks (until) WHERE state = 'todo' AND ready = 0;
CREATE INDEX tasks_failed ON tasks (seq) WHERE state = 'error';
CREATE TABLE attempts (
    task INTEGER NOT NULL REFERENCES tasks (seq), generation INTEGER NOT NULL,
    pilot TEXT NOT NULL, started REAL NOT NULL, ended REAL, outcome TEXT, reason TEXT,
    result TEXT, PRIMARY KEY (task, generation)) WITHOUT ROWID;
CREATE TABLE requests (pilot TEXT NOT NULL, request TEXT NOT NULL, made REAL NOT NULL,
    leases TEXT NOT NULL, PRIMARY KEY (pilot)) WITHOUT ROWID;
CREATE TABLE counts (state TEXT PRIMARY KEY, tasks INTEGER NOT NULL) WITHOUT ROWID;
INSERT INTO counts VALUES ('todo', 0), ('locked', 0), ('done', 0), ('error', 0), ('held', 0);
CREATE TRIGGER task_added AFTER INSERT ON tasks BEGIN
    UPDATE counts SET tasks = tasks + 1 WHERE state = NEW.state;
    UPDATE classes SET ready = ready + NEW.ready WHERE class = NEW.class;
END;
CREATE TRIGGER task_moved AFTER UPDATE OF state ON tasks WHEN OLD.state <> NEW.state BEGIN
    UPDATE counts SET tasks = tasks - 1 WHERE state = OLD.state;
    UPDATE counts SET tasks = tasks + 1 WHERE state = NEW.state;
END;
CREATE TRIGGER task_readied AFTER UPDATE OF ready ON tasks WHEN OLD.ready <> NEW.ready BEGIN
    UPDATE classes SET ready = ready + NEW.ready - OLD.ready WHERE class = NEW.class;
END;
"""


@pytest.fixture
def older(tmp_path):
    """A pool of version 1, opened."""
    former(tmp_path / "older.sqlite")
    with open_pool("sqlite:%s/older.sqlite" % tmp_path) as one:
        yield one


def test_a_pool_of_version_1_keeps_its_tasks(older):
    assert older.status() == {"todo": 1, "locked": 0, "done": 1, "error": 1, "held": 0}


def test_a_task_of_version_1_is_claimed_and_done(older):
    lease = claim(older)[0]
    assert finish(older, lease) == "done"


def test_what_is_purged_from_a_pool_of_version_1_counts_no_more(older):
    older.purge("done", 0.0, 10)
    assert older.status()["done"] == 0


def test_a_pool_of_version_1_is_changed_once(older, tmp_path):
    with open_pool("sqlite:%s/older.sqlite" % tmp_path) as again:
        assert again.status()["todo"] == 1


def test_older_and_new_pools_have_the_same_columns(older, pool, tmp_path):
    def columns(name):
        with contextlib.closing(sqlite3.connect(str(tmp_path / name))) as db:
            tables = ("tasks", "requests", "attempts", "classes")
            return [
                sorted(row[1] for row in db.execute("PRAGMA table_info(%s)" % table))
                for table in tables
            ]

    assert columns("older.sqlite") == columns("pool.sqlite")


def test_tasks_that_are_forgotten_count_no_more(pool):
    add(pool, "a", "b")
    finish(pool, claim(pool)[0])
    pool.purge("done", 0.0, 10)
    assert (pool.status()["done"], pool._line.count_claimable()) == (0, 1)

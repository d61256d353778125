"""What the server asks of its store, kept in a SQLite file."""

import contextlib
import sqlite3
import sys

import pytest

from pilot.ops.server.sqlite_store import SQLiteStore
from pilot.pool import open_pool, sqlite_file
from pilot.pool.interface import Busy
from tests.pool.asking import add, claim, finish
from tests.pool.conftest import clock  # noqa: F401


@pytest.fixture
def pool(tmp_path):
    with SQLiteStore(str(tmp_path / "pool.sqlite"), create=True) as store:
        yield store


def test_time_in_which_nobody_was_served_does_not_count_for_leases(pool, clock):  # noqa: F811
    add(pool, "a")
    claim(pool, lease_s=10)
    pool.extend_leases(100.0)
    clock.now += 50
    assert pool.status()["locked"] == 1


def test_how_long_a_pool_was_not_served_is_known(pool, clock):  # noqa: F811
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


def test_an_answer_is_kept_for_a_day(pool, clock):  # noqa: F811
    add(pool, "a")
    claim(pool, request="life:1", lease_s=200000)
    clock.now += 86000
    pool.forget_requests()
    assert [lease.task for lease in claim(pool, request="life:1")] == ["a"]


def test_an_answer_that_is_older_is_forgotten(pool, clock, tmp_path):  # noqa: F811
    claim(pool, request="life:1")
    clock.now += 87000
    pool.forget_requests()
    with contextlib.closing(sqlite3.connect(str(tmp_path / "pool.sqlite"))) as other:
        assert other.execute("SELECT count(*) FROM requests").fetchone() == (0,)


def test_a_pool_that_cannot_be_written_says_so_when_it_is_touched(pool, tmp_path):
    pool._file.db.execute("PRAGMA busy_timeout=0")
    with contextlib.closing(sqlite3.connect(str(tmp_path / "pool.sqlite"))) as hog:
        hog.isolation_level = None
        hog.execute("BEGIN IMMEDIATE")
        with pytest.raises(Busy, match="the pool cannot be written: database is locked"):
            pool.check_writable()


@pytest.mark.skipif(sys.version_info < (3, 7), reason="3.6 copies no database")
def test_what_is_left_of_a_pool_can_be_copied_though_its_file_is_gone(pool, tmp_path):
    add(pool, "a")
    (tmp_path / "pool.sqlite").unlink()
    pool.copy_to(str(tmp_path / "copy.sqlite"))
    with open_pool("sqlite:%s/copy.sqlite" % tmp_path) as copy:
        assert copy.status()["todo"] == 1


def test_a_copy_that_cannot_be_made_is_told(pool):
    with pytest.raises(Busy):
        pool.copy_to("/dev/null/copy.sqlite")


def test_what_fails_within_a_transaction_leaves_nothing(pool):
    with pytest.raises(KeyError):
        with pool.batch():
            add(pool, "a")
            raise KeyError("a bug")
    assert pool.status()["todo"] == 0


def test_the_calls_of_a_batch_are_written_together(pool, url):
    with open_pool(url) as other:
        with pool.batch():
            add(pool, "a")
            before = list(other.export())
        assert (before, [one["id"] for one in other.export()]) == ([], ["a"])


def test_what_was_noted_before_a_restart_means_nothing(pool, tmp_path, monkeypatch):
    monkeypatch.setattr(sqlite_file, "boot_id", lambda: "another boot")
    pool.note_served()
    open_pool("sqlite:%s/pool.sqlite" % tmp_path).close()
    assert pool.away_s() == 0.0


def test_a_wait_that_is_over_makes_a_task_claimable(pool, clock):  # noqa: F811
    add(pool, "a")
    finish(pool, claim(pool)[0], "error")
    before = pool.count_claimable()
    clock.now += 30
    pool.expire_leases()
    assert (before, pool.count_claimable()) == (0, 1)

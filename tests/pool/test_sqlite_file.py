"""A SQLite file as a pool keeps it."""

import os
import sqlite3
import threading

import pytest

from pilot.errors import UsageError
from pilot.pool import open_pool, sqlite_file
from pilot.pool.interface import Busy
from tests.pool.asking import add, claim, finish


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


def test_a_new_file_is_its_owners_alone(pool, tmp_path):
    assert (tmp_path / "pool.sqlite").stat().st_mode & 0o777 == 0o600


def test_a_file_of_a_newer_version_is_told(url, pool):
    pool._file.db.execute("UPDATE meta SET value = '99' WHERE name = 'version'")
    with pytest.raises(UsageError, match="is a pool of version 99, this program reads 2"):
        open_pool(url)


def test_a_path_that_is_too_long_for_sqlite_is_told(tmp_path):
    deep = "/".join([str(tmp_path)] + ["d" * 100] * 6)
    os.makedirs(deep)
    with pytest.raises(UsageError, match="SQLite takes a path of at most 500 bytes"):
        open_pool("sqlite:%s/p" % deep, create=True)


def test_a_folder_that_is_not_there_is_told(tmp_path):
    with pytest.raises((Busy, UsageError), match="cannot be opened: unable to open database file"):
        open_pool("sqlite:%s/none/p" % tmp_path, create=True)


def test_the_first_wait_of_a_pool_is_the_one_it_was_made_with(tmp_path):
    path = "sqlite:%s/p" % tmp_path
    open_pool(path, create=True, backoff_s=0.5).close()
    with open_pool(path, create=True, backoff_s=99.0) as again:
        add(again, "a")
        finish(again, claim(again)[0], "error")
        assert again.pending()[1] <= 1.1

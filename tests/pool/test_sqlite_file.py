"""A SQLite file as a pool keeps it."""

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

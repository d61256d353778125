"""Several processes open a new SQLite file."""

import sqlite3

from pilot.base.write_ahead import use_write_ahead_log


def test_two_that_open_a_new_file_at_once_wait_for_each_other(tmp_path):
    """SQLite gives up at once where two connections make a file's log."""
    path = str(tmp_path / "new.sqlite")
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("CREATE TABLE t (a)")
    other.execute("BEGIN EXCLUSIVE")
    refusals = []

    class Opener(sqlite3.Connection):
        def execute(self, *words):
            try:
                return super().execute(*words)
            except sqlite3.OperationalError as error:
                refusals.append(str(error))
                other.execute("COMMIT")
                raise

    opener = sqlite3.connect(path, timeout=0, factory=Opener)
    try:
        use_write_ahead_log(opener)
        assert refusals == ["database is locked"]
        assert opener.execute("PRAGMA journal_mode").fetchall() == [("wal",)]
    finally:
        opener.close()
        other.close()

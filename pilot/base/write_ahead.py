"""Opens SQLite files in write-ahead mode (https://www.sqlite.org/wal.html)."""

import sqlite3
import time

PATIENCE_S = 10.0


def use_write_ahead_log(db: sqlite3.Connection) -> None:
    """Switch a file to write-ahead logging. SQLite gives up at once when several processes open a
    new file; a transaction waits for the others, as long as the connection's timeout says. Raises
    sqlite3.OperationalError."""
    until = time.monotonic() + PATIENCE_S
    while True:
        try:
            db.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > until:
                raise
        db.execute("BEGIN IMMEDIATE")
        db.execute("ROLLBACK")

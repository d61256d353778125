"""Counts how often pilots exchanged a start token. The table is in the file of the pool, which knows
a start token by its hash alone; rows go when their token has ended."""

import hashlib
import time
from typing import Optional

from pilot.pool.sqlite_file import SQLiteFile

TIMES = 3  # exchanges of one pilot: its job may be requeued
_TABLE = """CREATE TABLE IF NOT EXISTS exchanges (token TEXT NOT NULL, pilot TEXT NOT NULL,
    times INTEGER NOT NULL, ends REAL NOT NULL, PRIMARY KEY (token, pilot)) WITHOUT ROWID"""


class Exchanges:
    """The exchanges in this file."""

    def __init__(self, file: SQLiteFile) -> None:
        self._file = file
        with file.writing():
            file.db.execute(_TABLE)

    def note(self, token: str, pilots: int, ends: float, pilot: str) -> Optional[str]:
        """Count one exchange by this pilot. Returns a sentence, and counts nothing, if the pilot has
        made TIMES exchanges, or `pilots` others have used the token. `ends` is UNIX time."""
        key, db = hashlib.sha256(token.encode("utf-8", "replace")).hexdigest(), self._file.db
        with self._file.writing():
            db.execute("DELETE FROM exchanges WHERE ends < ?", (time.time(),))
            times = dict(db.execute("SELECT pilot, times FROM exchanges WHERE token = ?", (key,)))
            if times.get(pilot, 0) >= TIMES:
                return "pilot %s has exchanged this start token %d times" % (pilot, TIMES)
            if pilot not in times and len(times) >= pilots:
                return "%d pilots have exchanged this start token, which is for as many" % pilots
            db.execute(
                "INSERT OR REPLACE INTO exchanges VALUES (?, ?, ?, ?)",
                (key, pilot, times.get(pilot, 0) + 1, ends),
            )
        return None

"""The file of the factory's book: SQLite with synchronous=FULL, so that what is noted survives a power
loss; and the clocks.

Durations count by the machine's boot clock, so that setting the clock does not matter; after a
restart of the machine they begin anew. UNIX times are only shown.
"""

import os
import sqlite3
import time
from contextlib import contextmanager
from typing import Any, Iterator, List, Optional, Sequence

from pilot.base.write_ahead import use_write_ahead_log
from pilot.errors import UsageError

VERSION = "2"
FIRST_BACK_OFF_S = 60.0
_TABLES = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE submissions (tag TEXT PRIMARY KEY, site TEXT NOT NULL, backend TEXT NOT NULL,
    count INTEGER NOT NULL, made REAL NOT NULL, made_s REAL NOT NULL, state TEXT NOT NULL,
    system_id TEXT NOT NULL DEFAULT '', sha256 TEXT NOT NULL, why TEXT NOT NULL DEFAULT '',
    cores INTEGER NOT NULL DEFAULT 1, walltime_s REAL,
    kept_mb REAL NOT NULL DEFAULT 0) WITHOUT ROWID;
CREATE INDEX submissions_open ON submissions (state) WHERE state IN ('intent', 'doubtful');
CREATE INDEX submissions_sent ON submissions (tag) WHERE state = 'sent';
CREATE INDEX submissions_made ON submissions (site, made_s);
CREATE TABLE pilots (pilot TEXT PRIMARY KEY, tag TEXT NOT NULL, number INTEGER NOT NULL, site TEXT NOT NULL,
    job TEXT NOT NULL, state TEXT NOT NULL, node TEXT NOT NULL DEFAULT '', reason TEXT NOT NULL DEFAULT '',
    exit_code INTEGER, submitted REAL NOT NULL, started REAL, started_s REAL, ended REAL, done INTEGER,
    missing_s REAL, told INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;
CREATE INDEX pilots_tag ON pilots (tag);
CREATE INDEX pilots_live ON pilots (site) WHERE ended IS NULL;
CREATE INDEX pilots_ended ON pilots (site, ended) WHERE ended IS NOT NULL;
CREATE TABLE decisions (seq INTEGER PRIMARY KEY, site TEXT NOT NULL, first REAL NOT NULL, last REAL NOT NULL,
    times INTEGER NOT NULL, line TEXT NOT NULL);
CREATE INDEX decisions_site ON decisions (site, seq);
CREATE TABLE wanted (site TEXT NOT NULL, at_s REAL NOT NULL, pilots INTEGER NOT NULL);
CREATE TABLE switches (site TEXT PRIMARY KEY, word TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE refusals (site TEXT PRIMARY KEY, step INTEGER NOT NULL, until_s REAL NOT NULL, why TEXT NOT NULL,
    cap INTEGER) WITHOUT ROWID;
CREATE TABLE levels (site TEXT NOT NULL, at REAL NOT NULL, demand INTEGER, pending INTEGER NOT NULL,
    running INTEGER NOT NULL, held INTEGER NOT NULL, idle INTEGER);
CREATE INDEX levels_at ON levels (at);
"""
# what version 2 added
_ADDED = """
CREATE INDEX submissions_kept ON submissions (made, kept_mb) WHERE kept_mb > 0;
CREATE INDEX pilots_untold ON pilots (told) WHERE told < 2;
CREATE INDEX pilots_bad ON pilots (site, ended) WHERE ended IS NOT NULL AND coalesce(exit_code, 1) NOT IN (0, 60);
CREATE INDEX pilots_well ON pilots (site, ended) WHERE ended IS NOT NULL AND coalesce(exit_code, 1) IN (0, 60);
CREATE TABLE uses (pilot TEXT PRIMARY KEY, setup_s REAL NOT NULL, well_s REAL NOT NULL, failed_s REAL NOT NULL,
    tail_s REAL NOT NULL) WITHOUT ROWID;
CREATE TABLE decision_counts (site TEXT NOT NULL, result TEXT NOT NULL, times INTEGER NOT NULL,
    PRIMARY KEY (site, result)) WITHOUT ROWID;
CREATE INDEX levels_site ON levels (site, at);
"""
_FROM_1 = """
ALTER TABLE submissions ADD COLUMN cores INTEGER NOT NULL DEFAULT 1;
ALTER TABLE submissions ADD COLUMN walltime_s REAL;
ALTER TABLE submissions ADD COLUMN kept_mb REAL NOT NULL DEFAULT 0;
ALTER TABLE pilots ADD COLUMN told INTEGER NOT NULL DEFAULT 0;
UPDATE pilots SET told = 2 WHERE ended IS NOT NULL;
ALTER TABLE levels ADD COLUMN idle INTEGER;
UPDATE meta SET value = '2' WHERE name = 'version';
"""


class Clock:
    """The machine's clocks; a simulation has others."""

    def boot_s(self) -> float:
        """Seconds since the machine started, suspension included."""
        return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))

    def unix_s(self) -> float:
        """UNIX time, for people."""
        return time.time()


def boot_id() -> str:
    """Identifies one start of the machine."""
    try:
        with open("/proc/sys/kernel/random/boot_id") as stream:
            return stream.read().strip()
    except OSError:
        return "unknown"


class BookFile:
    """One connection to the book. OSError and sqlite3.Error when it cannot be written: the caller
    then submits nothing."""

    def __init__(self, folder: str, clock: Optional[Clock] = None, durable: bool = True) -> None:
        self.clock = clock or Clock()
        os.makedirs(folder, 0o700, exist_ok=True)
        path = os.path.join(folder, "book.sqlite")
        try:
            self.db = sqlite3.connect(path, timeout=10.0, isolation_level=None)
        except sqlite3.Error as error:
            raise UsageError("%s: cannot be used: %s" % (path, error))
        try:
            use_write_ahead_log(self.db)
            self.db.execute("PRAGMA synchronous=%s" % ("FULL" if durable else "OFF"))
            with self.writing():
                self._prepare(path)
        except sqlite3.Error as error:
            self.db.close()
            raise UsageError("%s: cannot be used: %s" % (path, error))
        except UsageError:
            self.db.close()
            raise

    def _prepare(self, path: str) -> None:
        if not self.db.execute("SELECT 1 FROM sqlite_master").fetchall():
            self._run(_TABLES + _ADDED)
            self.db.execute("INSERT INTO meta VALUES ('version', ?)", (VERSION,))
            self.db.execute("INSERT INTO meta VALUES ('boot', ?)", (boot_id(),))
        meta = dict(self.db.execute("SELECT name, value FROM meta"))
        if meta.get("version") == "1":
            self._run(_FROM_1 + _ADDED)
            meta["version"] = VERSION
        if meta.get("version") != VERSION:
            raise UsageError("%s: is a book of version %s" % (path, meta.get("version")))
        if meta["boot"] != boot_id():  # durations begin anew
            now = self.clock.boot_s()
            self.db.execute("UPDATE meta SET value = ? WHERE name = 'boot'", (boot_id(),))
            self.db.execute("UPDATE submissions SET made_s = ?", (now,))
            self.db.execute("UPDATE pilots SET started_s = ?, missing_s = NULL", (now,))
            self.db.execute("UPDATE refusals SET until_s = ?", (now + FIRST_BACK_OFF_S,))
            self.db.execute("DELETE FROM wanted")

    def _run(self, statements: str) -> None:
        for statement in statements.split(";\n"):
            self.db.execute(statement)

    @contextmanager
    def writing(self) -> Iterator[None]:
        """One transaction, or a part of the one under way."""
        if self.db.in_transaction:
            yield
            return
        self.db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            if self.db.in_transaction:
                self.db.execute("ROLLBACK")
            raise
        self.db.execute("COMMIT")

    def close(self) -> None:
        """Close the file."""
        self.db.close()

    def rows(self, question: str, values: Sequence[object] = ()) -> List[Any]:
        """The rows of a query."""
        return self.db.execute(question, tuple(values)).fetchall()

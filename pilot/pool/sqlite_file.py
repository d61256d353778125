"""The SQLite file of a pool: opens it, creates it on request, writes it in transactions; the clock
of its leases."""

import os
import sqlite3
import time
from contextlib import contextmanager
from typing import Any, Iterator, List, Optional, Sequence

from pilot.errors import UsageError
from pilot.pool import schema
from pilot.pool.interface import Busy
from pilot.base.shared_defaults import LEASE_S
from pilot.base.write_ahead import use_write_ahead_log

BUSY_S = 10.0
BACKOFF_S = 10.0
MAX_PATH = 500  # 512 with the suffixes of the files beside it (MAX_PATHNAME of SQLite's unix files)


def monotonic_s() -> float:
    """Seconds of the machine's monotonic clock, which is the same for all processes."""
    return time.monotonic()


def boot_id() -> str:
    """Identifies one start of the machine: values of the monotonic clock are comparable only within
    it."""
    try:
        with open("/proc/sys/kernel/random/boot_id") as stream:
            return stream.read().strip()
    except OSError:
        return "unknown"


@contextmanager
def transaction(db: sqlite3.Connection, what: str) -> Iterator[None]:
    """All writes inside succeed or none does. Raises Busy, which names `what`, when the file cannot
    be written."""
    try:
        db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            if db.in_transaction:
                db.execute("ROLLBACK")
            raise
        db.execute("COMMIT")
    except sqlite3.ProgrammingError:  # a mistake of this program, not a state of the file
        raise
    except sqlite3.DatabaseError as error:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise Busy("%s cannot be written: %s" % (what, error))


def query_rows(
    db: sqlite3.Connection, what: str, question: str, values: Sequence[object] = ()
) -> List[Any]:
    """The rows of a query outside any transaction. Raises Busy, which names `what`, when the file
    cannot be read."""
    try:
        return db.execute(question, values).fetchall()
    except sqlite3.ProgrammingError:
        raise
    except sqlite3.DatabaseError as error:
        raise Busy("%s cannot be read: %s" % (what, error))


def _sqlite_name(path: str) -> str:
    """The path in UTF-8, as SQLite expects it: in an ASCII locale, Python 3.6 represents other
    bytes as surrogates."""
    return os.fsencode(path).decode("utf-8")


def _make_private(path: str) -> None:
    """Create a file that only its owner can read, because tasks may hold secrets. SQLite reports
    any error."""
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    except OSError:
        pass


class SQLiteFile:
    """One connection `db` to the file; not for several threads. `backoff_s` is the first delay
    before another attempt; `in_batch` is true during a batch."""

    def __init__(self, path: str, create: bool = False, backoff_s: Optional[float] = None) -> None:
        self.in_batch = False
        if not create and not os.path.exists(path):
            raise UsageError(
                "sqlite:%s: there is no such file; `python3 -m pilot.pool add` makes one" % path
            )
        if create:
            _make_private(path)
        try:
            self.db = sqlite3.connect(_sqlite_name(path), timeout=BUSY_S, isolation_level=None)
        except (sqlite3.Error, UnicodeError) as error:
            long = (
                "; SQLite takes a path of at most %d bytes" % MAX_PATH
                if len(os.fsencode(os.path.abspath(path))) > MAX_PATH
                else ""
            )
            raise UsageError("sqlite:%s: cannot be opened: %s%s" % (path, error, long))
        try:
            self._prepare_file(path, backoff_s)
        except BaseException:
            self.db.close()
            raise

    def _prepare_file(self, path: str, backoff_s: Optional[float]) -> None:
        try:
            use_write_ahead_log(self.db)
            self.db.execute("PRAGMA synchronous=FULL")
            with self.writing():
                self._make_tables(path, backoff_s)
            row = self.db.execute("SELECT value FROM meta WHERE name = 'backoff_s'").fetchone()
            self.backoff_s = float(row[0])
        # locked, or no space: a later attempt may succeed
        except sqlite3.OperationalError as error:
            raise Busy("sqlite:%s: cannot be opened: %s" % (path, error))
        except sqlite3.Error as error:
            raise UsageError("sqlite:%s: cannot be opened: %s" % (path, error))

    def _make_tables(self, path: str, backoff_s: Optional[float]) -> None:
        tables = {
            row[0]
            for row in self.db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        }
        if not tables:
            for statement in _split_statements(schema.TABLES):
                self.db.execute(statement)
            values = {
                "version": schema.VERSION,
                "boot": boot_id(),
                "backoff_s": BACKOFF_S if backoff_s is None else backoff_s,
            }
            self.db.executemany(
                "INSERT INTO meta VALUES (?, ?)",
                [(name, str(value)) for name, value in values.items()],
            )
            return
        if "meta" not in tables:
            raise UsageError("sqlite:%s: is another program's database, not a pool" % path)
        meta = dict(self.db.execute("SELECT name, value FROM meta"))
        if meta.get("version") == "1":
            for statement in _split_statements(schema.FROM_1):
                self.db.execute(statement)
            meta["version"] = str(schema.VERSION)
            self.db.execute("UPDATE meta SET value = ? WHERE name = 'version'", (meta["version"],))
        if meta.get("version") != str(schema.VERSION):
            raise UsageError(
                "sqlite:%s: is a pool of version %s, this program reads %d"
                % (path, meta.get("version"), schema.VERSION)
            )
        if meta["boot"] != boot_id():  # the machine was restarted: all leases and waits start again
            self.db.execute(
                "UPDATE tasks SET until = ? WHERE state = 'locked'", (monotonic_s() + LEASE_S,)
            )
            self.db.execute(
                "UPDATE tasks SET until = ? WHERE state = 'todo' AND ready = 0", (monotonic_s(),)
            )
            self.db.execute("UPDATE meta SET value = ? WHERE name = 'boot'", (boot_id(),))
            self.db.execute("DELETE FROM meta WHERE name = 'served'")

    @contextmanager
    def batch(self) -> Iterator[None]:
        """Inside, all calls share one transaction: one wait for the disk. An error of the file
        undoes all of them (Busy). Only for calls that change nothing when they raise StaleLease."""
        with self.writing():
            self.in_batch = True
            try:
                yield
            finally:
                self.in_batch = False

    @contextmanager
    def writing(self) -> Iterator[None]:
        """One transaction, or a part of the current batch. Raises Busy."""
        if self.in_batch:
            yield
            return
        with transaction(self.db, "the pool"):
            yield

    def query_rows(self, question: str, values: Sequence[object] = ()) -> List[Any]:
        """The rows of a query. Raises Busy."""
        return query_rows(self.db, "the pool", question, values)

    def close(self) -> None:
        """Close the file."""
        self.db.close()


def _split_statements(text: str) -> List[str]:
    """The statements of the schema; a semicolon inside a trigger does not end a statement."""
    statements, partial = [], ""
    for line in text.splitlines(True):
        partial += line
        if sqlite3.complete_statement(partial):
            statements.append(partial)
            partial = ""
    return statements

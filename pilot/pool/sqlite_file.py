"""A SQLite file as a pool keeps it: opened, made when asked, written in transactions; the clock of
its leases."""

import os
import sqlite3
import time
from contextlib import contextmanager
from typing import Any, Iterator, List, Optional, Sequence

from pilot.errors import UsageError
from pilot.pool import schema
from pilot.pool.interface import Busy
from pilot.base.shared_defaults import LEASE_S

BUSY_S = 10.0
BACKOFF_S = 10.0
MAX_PATH = 500  # 512 with the endings of what lies beside it (MAX_PATHNAME of SQLite's unix files)


def monotonic_s() -> float:
    """Seconds of the machine's monotonic clock, which is one for all processes."""
    return time.monotonic()


def boot_id() -> str:
    """Which start of the machine this is: the monotonic clock means something only within it."""
    try:
        with open("/proc/sys/kernel/random/boot_id") as stream:
            return stream.read().strip()
    except OSError:
        return "unknown"


@contextmanager
def transaction(db: sqlite3.Connection, what: str) -> Iterator[None]:
    """All or nothing of what is written inside. Raises Busy, which names `what`, when the file
    cannot be written."""
    try:
        db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            if db.in_transaction:
                db.execute("ROLLBACK")
            raise
        db.execute("COMMIT")
    except sqlite3.ProgrammingError:  # our own mistake, not the file's state
        raise
    except sqlite3.DatabaseError as error:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise Busy("%s cannot be written: %s" % (what, error))


def query_rows(
    db: sqlite3.Connection, what: str, question: str, values: Sequence[object] = ()
) -> List[Any]:
    """The rows of a question outside any transaction. Raises Busy, which names `what`, when the
    file cannot be read."""
    try:
        return db.execute(question, values).fetchall()
    except sqlite3.ProgrammingError:
        raise
    except sqlite3.DatabaseError as error:
        raise Busy("%s cannot be read: %s" % (what, error))


def _sqlite_name(path: str) -> str:
    """As SQLite wants it, in UTF-8: where the locale knows ASCII only, Python 3.6 has other bytes
    as halves of characters."""
    return os.fsencode(path).decode("utf-8")


def _make_private(path: str) -> None:
    """A new file is its owner's alone: tasks may hold what is nobody's business. What is wrong with
    it, SQLite tells."""
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    except OSError:
        pass


class SQLiteFile:
    """One connection `db` to the file; not for several threads. `backoff_s` is the first wait
    before another attempt; `in_batch` tells that a batch is under way."""

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
            self.db.execute("PRAGMA journal_mode=WAL")
            self.db.execute("PRAGMA synchronous=FULL")
            with self.writing():
                self._make_tables(path, backoff_s)
            row = self.db.execute("SELECT value FROM meta WHERE name = 'backoff_s'").fetchone()
            self.backoff_s = float(row[0])
        except sqlite3.OperationalError as error:  # locked, or no room: another time it may work
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
        if meta["boot"] != boot_id():  # the machine was restarted: all leases and waits begin anew
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
        """One transaction, or a part of the batch that is under way. Raises Busy."""
        if self.in_batch:
            yield
            return
        with transaction(self.db, "the pool"):
            yield

    def query_rows(self, question: str, values: Sequence[object] = ()) -> List[Any]:
        """The rows of a question. Raises Busy."""
        return query_rows(self.db, "the pool", question, values)

    def close(self) -> None:
        """Let go of the file."""
        self.db.close()


def _split_statements(text: str) -> List[str]:
    """The statements of the schema; a trigger's inner semicolons do not end it."""
    found, partial = [], ""
    for line in text.splitlines(True):
        partial += line
        if sqlite3.complete_statement(partial):
            found.append(partial)
            partial = ""
    return found

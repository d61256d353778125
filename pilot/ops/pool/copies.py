"""Copies a SQLite pool while a server serves it. Restores a copy and removes the files of the old
pool."""

import fcntl
import os
import sqlite3
from contextlib import contextmanager
from typing import Iterator

from pilot.errors import UsageError

BESIDE = ("-wal", "-shm", ".story", ".story-wal", ".story-shm")


def check_file(path: str) -> None:
    """Check that this is the undamaged file of a pool (PRAGMA quick_check). UsageError
    otherwise."""
    if not os.path.exists(path):
        raise UsageError("sqlite:%s: there is no such file" % path)
    if not os.path.getsize(path):
        raise UsageError("sqlite:%s: is empty: restore it from a copy (pilot.pool restore)" % path)
    try:
        db = sqlite3.connect(path, timeout=10)
        try:
            result = db.execute("PRAGMA quick_check(1)").fetchone()[0]
            tables = {
                row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            }
        finally:
            db.close()
    # the file is locked or not readable: its contents may be intact
    except sqlite3.OperationalError as error:
        raise UsageError("sqlite:%s: cannot be read now: %s" % (path, error))
    except sqlite3.Error as error:
        raise UsageError(
            "sqlite:%s: is damaged: %s; restore it from a copy (pilot.pool restore)" % (path, error)
        )
    if result != "ok":
        raise UsageError(
            "sqlite:%s: is damaged: %s; restore it from a copy (pilot.pool restore)" % (path, " ".join(result.split()))
        )
    if not {"tasks", "attempts", "meta"} <= tables:
        raise UsageError("sqlite:%s: is no pool" % path)


def copy_pool(path: str, target: str) -> int:
    """Copy a consistent state of a pool into a new file, also while a server serves the pool.
    Return the size of the copy. Raises UsageError."""
    if not os.path.exists(path):
        raise UsageError("sqlite:%s: there is no such file" % path)
    if os.path.exists(target):
        raise UsageError("%s exists already: name a new file" % target)
    if not hasattr(sqlite3.Connection, "backup"):
        raise UsageError(
            "backup needs Python 3.7 or newer (or the program: sqlite3 %s \".backup %s\")"
            % (path, target)
        )
    partial = "%s.part-%d" % (target, os.getpid())
    source = sqlite3.connect(path, timeout=10)
    try:
        os.close(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        copy = sqlite3.connect(partial)
        try:
            source.backup(copy)
            copy.execute("PRAGMA journal_mode=DELETE")
        finally:
            copy.close()
        _sync_folder(partial)
        os.rename(partial, target)
    except (sqlite3.Error, OSError) as error:
        raise UsageError("%s cannot be made: %s" % (target, error))
    finally:
        source.close()
        if os.path.exists(partial):
            os.unlink(partial)
    return os.path.getsize(target)


def put_back(path: str, source: str, replace: bool) -> None:
    """Replace a pool that no server serves with a copy. Delete the files beside the old pool (its
    write-ahead log, its story). Raises UsageError."""
    check_file(source)
    path = os.path.realpath(path)
    if os.path.exists(source + "-wal") and os.path.getsize(source + "-wal"):
        raise UsageError("%s: a program has it open: copy it with pilot.pool backup first" % source)
    if os.path.exists(path) and not replace:
        raise UsageError("sqlite:%s exists already: --replace replaces it with the copy" % path)
    partial = "%s.part-%d" % (path, os.getpid())
    with _lock_unserved(path):
        try:
            with open(source, "rb") as reader, open(
                os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb"
            ) as writer:
                for block in iter(lambda: reader.read(1 << 20), b""):
                    writer.write(block)
            _sync_folder(partial)
            for ending in BESIDE:
                if os.path.exists(path + ending):
                    os.unlink(path + ending)
            os.rename(partial, path)
        except OSError as error:
            raise UsageError("sqlite:%s cannot be restored: %s" % (path, error))
        finally:
            if os.path.exists(partial):
                os.unlink(partial)


@contextmanager
def _lock_unserved(path: str) -> Iterator[None]:
    if not os.path.exists(path):
        yield
        return
    held = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise UsageError("sqlite:%s: a server serves it: stop that first" % path)
    finally:
        os.close(held)


def _sync_folder(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

"""The file that a server serves: one server at a time, and always the same file."""

import fcntl
import os
from typing import Tuple

from pilot.errors import UsageError
from pilot.base.fork import start_check


class Custody:
    """Holds a pool's file for one server, by its inode: links, other names and removed lock files
    do not matter.

    The lock is flock(2)'s on the file itself, which SQLite's locks (fcntl) do not meet. UsageError
    when another server has it, or where locks are worth nothing.
    """

    def __init__(self, path: str) -> None:
        self.path = os.path.realpath(path)
        try:
            self._held = os.open(self.path, os.O_RDWR | os.O_CLOEXEC)
        except OSError as error:
            raise UsageError("sqlite:%s: cannot be served: %s" % (path, error.strerror))
        try:
            fcntl.flock(self._held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError):
            os.close(self._held)
            raise UsageError("sqlite:%s: another server serves it already" % path)
        except OSError as error:
            os.close(self._held)
            raise UsageError(
                "sqlite:%s: this file system has no locks: %s; a pool lies on a local disk"
                % (path, error.strerror)
            )
        if not start_check(lambda: _is_locked(self.path))():
            os.close(self._held)
            raise UsageError(
                "sqlite:%s: locks do nothing on this file system; a pool lies on a local disk"
                % path
            )
        self._was = _file_identity(os.fstat(self._held))
        self._wal: Tuple[int, int] = (0, 0)

    def problem(self) -> str:
        """Whether the file, or its write-ahead log, is gone or another by now, in a sentence; ""
        when all is well."""
        try:
            if _file_identity(os.stat(self.path)) != self._was:
                return "%s was replaced by another file" % self.path
        except OSError as error:
            return "%s is gone: %s" % (self.path, error.strerror)
        try:
            wal = _file_identity(os.stat(self.path + "-wal"))
        except OSError:
            wal = (0, 0)
        before, self._wal = self._wal, wal
        if before != (0, 0) and wal != before:
            return "%s-wal was removed or replaced" % self.path
        return ""

    def close(self) -> None:
        """Others may serve it."""
        os.close(self._held)


def _file_identity(found: os.stat_result) -> Tuple[int, int]:
    return found.st_dev, found.st_ino


def _is_locked(path: str) -> bool:
    """In a process of its own: whether the lock is felt."""
    descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    return False

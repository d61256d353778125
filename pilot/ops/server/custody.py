"""Locks the file of a pool for one server. Detects that the file was replaced."""

import fcntl
import os
from typing import Tuple

from pilot.errors import UsageError
from pilot.base.fork import start_check


class Custody:
    """Locks the inode of a pool's file, so that only one server can serve it, under any of its
    names.

    The lock is flock(2) on the file itself, which does not conflict with SQLite's locks (fcntl).
    UsageError if another server has the lock or if locks do not work on the file system.
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
                "sqlite:%s: this file system has no locks: %s; put the pool on a local disk"
                % (path, error.strerror)
            )
        if not start_check(lambda: _is_locked(self.path))():
            os.close(self._held)
            raise UsageError(
                "sqlite:%s: locks do nothing on this file system; put the pool on a local disk"
                % path
            )
        self._was = _file_identity(os.fstat(self._held))
        self._wal: Tuple[int, int] = (0, 0)

    def find_problem(self) -> str:
        """Return one sentence if the file or its write-ahead log was removed or replaced; ""
        otherwise."""
        try:
            if _file_identity(os.stat(self.path)) != self._was:
                return "%s was replaced by another file" % self.path
        except OSError as error:
            return "%s no longer exists: %s" % (self.path, error.strerror)
        try:
            wal = _file_identity(os.stat(self.path + "-wal"))
        except OSError:
            wal = (0, 0)
        before, self._wal = self._wal, wal
        if before != (0, 0) and wal != before:
            return "%s-wal was removed or replaced" % self.path
        return ""

    def close(self) -> None:
        """Release the lock."""
        os.close(self._held)


def _file_identity(status: os.stat_result) -> Tuple[int, int]:
    return status.st_dev, status.st_ino


def _is_locked(path: str) -> bool:
    """Return whether the lock works. Runs in another process."""
    descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    return False

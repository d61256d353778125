"""The exit codes and the exceptions that carry them: the only table of the ways in which a pilot
ends."""

import errno
import signal
import sys
from typing import NamedTuple, Tuple


def signal_name(signum: int) -> str:
    """SIGTERM for 15."""
    try:
        return signal.Signals(signum).name
    except ValueError:
        return "signal %d" % signum


class ExitCode(NamedTuple):
    """One row of the published table."""

    code: int
    meaning: str
    whose: str


EXIT_CODES: Tuple[ExitCode, ...] = (
    ExitCode(0, "all commands done, work done or none left", "nobody's"),
    ExitCode(1, "a bug in the pilot or an extension (traceback in the log)", "developers'"),
    ExitCode(2, "command line, pilot.json or plan wrong", "who configured it"),
    ExitCode(10, "the node is unfit: disk, memory, OS, missing tool, probe, workdir", "the site's"),
    ExitCode(20, "installation failed from every source", "the software's owner, the network"),
    ExitCode(30, "configuration failed", "the community's"),
    ExitCode(40, "the agent ended badly", "the community's"),
    ExitCode(50, "pool or server unreachable after retries, or it refuses our token or certificate",
             "the server's operator, or who made the token"),
    ExitCode(60, "out of time: the slot's end came", "nobody's"),
)
# modules that a Python may have been built without
LIBRARY = ("bz2", "ctypes", "lzma", "sqlite3", "ssl", "zlib")
SIGNAL_BASE = 128  # signal n stopped the pilot: 128+n, as in shells and batch systems


class PilotError(Exception):
    """The pilot ends with `exit_code`; the message is the one sentence an operator reads.

    Extensions subclass one of the classes below; they do not invent codes.
    """

    exit_code = 1


class UsageError(PilotError):
    """The command line, pilot.json or the plan is wrong; `problems` has one sentence each."""

    exit_code = 2

    def __init__(self, *problems: str) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


class NodeUnfit(PilotError):
    """This machine cannot do the work: what, where, how much, how much is needed."""

    exit_code = 10


class InstallFailed(PilotError):
    """No source of the software worked."""

    exit_code = 20


class ConfigurationFailed(PilotError):
    """The agent could not be configured."""

    exit_code = 30


class AgentFailed(PilotError):
    """The agent failed."""

    exit_code = 40


class PoolUnreachable(PilotError):
    """The pool or a server did not answer after all retries."""

    exit_code = 50


class OutOfTime(PilotError):
    """The end of the slot came."""

    exit_code = 60


class StepFailed(Exception):
    """A tool or a transfer failed. Unless the command catches it, it fails with the command's own
    code."""


class Skip(Exception):
    """A command has nothing to do here; the message says why, and the pilot continues."""


class Stopped(BaseException):
    """A signal asked the pilot to stop. Not an Exception, so that no command swallows it."""

    def __init__(self, signum: int) -> None:
        super().__init__("stopped by %s" % signal_name(signum))
        self.signum = signum

    @property
    def exit_code(self) -> int:
        """128 + the signal's number."""
        return SIGNAL_BASE + self.signum


class TimeLimit(BaseException):
    """A command ran longer than its limit. Not an Exception, so that no command swallows it."""

    def __init__(self, seconds: float) -> None:
        super().__init__("longer than its limit of %g s" % seconds)
        self.seconds = seconds


_NODE = {
    errno.EAGAIN: "no more processes can be started here (ulimit -u)",
    errno.ENOMEM: "there is no memory left",
    errno.EMFILE: "too many files are open (ulimit -n)",
    errno.ENFILE: "too many files are open on this machine",
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EROFS: "the file system is read-only",
    errno.EIO: "the disk fails",
}


def lacking(error: BaseException) -> str:
    """The sentence for what this machine lacks: a part of Python's library, processes, descriptors,
    space; an empty string for any other error."""
    name = str(getattr(error, "name", "")).lstrip("_") if isinstance(error, ImportError) else ""
    if name in LIBRARY:
        return "%s was built without %s: give the pilot a whole Python" % (sys.executable, name)
    if isinstance(error, RuntimeError) and "start new thread" in str(error):
        return _NODE[errno.EAGAIN]
    if not isinstance(error, OSError):
        return ""
    if error.errno == errno.ENOENT and error.filename in ("/dev/null", b"/dev/null"):
        return "there is no /dev/null here"
    where = ": %s" % (error.filename,) if error.filename and error.errno in _NODE else ""
    return _NODE.get(error.errno or 0, "") + where

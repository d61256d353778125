"""The agent's side of the warden (pilot/agent/warden.py): starts it, informs it of every payload,
replaces it."""

import contextlib
import os
import tempfile
from typing import Dict, Optional, Sequence

from pilot.base import process

NOBODYS = 0  # stands for the group of processes of an unknown payload
# number of known processes of a group above which those that have exited are forgotten
MOST_SEEN = 2000
MOST_LATE = 1 << 20  # bytes that are kept for a warden whose pipe is full
SHEET = 64  # bytes: the number of the payload that starts next, and when it must have ended


class Warden:
    """The agent's side: `starting`, `began` and `ended` announce payloads and their groups, `until`
    the ends of their leases. The warden exits when this is closed."""

    def __init__(self, argv: Sequence[str], mark: str, grace_s: float) -> None:
        self._argv = list(argv) + [mark, "%g" % grace_s]
        self._groups: Dict[int, str] = {}  # by group, the facts for a new warden: its mark,
        self._leases: Dict[int, str] = {}  # its time limit,
        self._seen: Dict[int, Dict[int, str]] = {}  # and its processes by pid
        # names the payload that starts next; writing it wakes nobody
        self._sheet = _open_sheet()
        self._late = ""  # messages that are not sent yet
        self._start_program()

    def _start_program(self) -> None:
        read, self._write = os.pipe()
        os.set_blocking(self._write, False)
        try:
            self._child = process.spawn(
                self._argv,
                stdin=read,
                stdout=self._sheet,
                stderr=process.DEVNULL,
                env=_bare_environment(),
            )
        finally:
            os.close(read)
        self.pid = self._child.pid

    def replace(self) -> None:
        """The warden has exited and was reaped: start another one and send it all facts. OSError
        when none can be started."""
        self._child.returncode = 0
        former, self._late = self._write, ""
        self._start_program()
        os.close(former)
        for group, line in self._groups.items():
            self._write_words(line + self._leases.get(group, ""))
        for group, seen in self._seen.items():
            alive = {pid: line for pid, line in seen.items() if os.path.exists("/proc/%d" % pid)}
            self._seen[group] = alive
            for line in alive.values():
                self._write_words(line)

    def starting(self, number: int, moment: Optional[float] = None) -> None:
        """A payload is about to start, which may run until this time of the boot clock; its
        processes have this number as their mark (pilot/agent/marks.py)."""
        line = "%d %.3f" % (number, -1.0 if moment is None else moment)
        try:
            os.pwrite(self._sheet, line.ljust(SHEET).encode(), 0)
        except OSError:  # as for a message
            pass

    def began(self, group: int, number: int, moment: Optional[float] = None) -> None:
        """A payload of this group runs, until this time at most; its processes have this number as
        their mark."""
        self._groups[group] = "+%d %d\n" % (group, number)
        self._leases[group] = "" if moment is None else _read_lease(group, moment)
        self._write_words(self._groups[group] + self._leases[group])

    def until(self, group: int, moment: float) -> None:
        """Set the time of the boot clock at which this group must have ended."""
        self._leases[group] = _read_lease(group, moment)
        self._write_words(self._leases[group])

    def saw(self, group: int, pid: int, started: int) -> None:
        """This process (with its start time) belongs to the payload of that group, whatever its own
        group is."""
        line, seen = "=%d %d %d\n" % (group, pid, started), self._seen.setdefault(group, {})
        if seen.get(pid) != line:
            if len(seen) >= MOST_SEEN:
                self._seen[group] = seen = {
                    one: text for one, text in seen.items() if os.path.exists("/proc/%d" % one)
                }
            seen[pid] = line
            self._write_words(line)

    def ended(self, group: int) -> None:
        """No process of this group is left. The next message carries this, or `flush`."""
        for book in (self._groups, self._leases, self._seen):
            book.pop(group, None)
        self._late += "-%d\n" % group

    def flush(self) -> None:
        """Send the pending messages."""
        if self._late:
            self._write_words("")

    def close(self) -> None:
        """No more payloads: the warden exits."""
        # the process that reaps the agent's children waits for the warden
        self._child.returncode = 0
        os.close(self._write)
        os.close(self._sheet)

    def _write_words(self, text: str) -> None:
        if len(self._late) < MOST_LATE:
            self._late += text
        # The pipe may be full. A warden that was killed is replaced and gets all facts anew; one
        # that hangs learns no more, and the agent itself still ends its payloads.
        with contextlib.suppress(OSError):
            self._late = self._late[os.write(self._write, self._late.encode()) :]


def _open_sheet() -> int:
    """A file in memory that the warden reads; where there is none, a payload that starts is known
    as soon as its group is."""
    try:
        if hasattr(os, "memfd_create"):
            return os.memfd_create("pilot-warden")
        descriptor, path = tempfile.mkstemp()
        os.unlink(path)
        return descriptor
    except OSError:
        return os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)


def _read_lease(group: int, moment: float) -> str:
    return "~%d %.3f\n" % (group, moment)


def _bare_environment() -> Dict[str, str]:
    """The variables that a Python needs to start, without tokens: other processes of our user may
    read them."""
    return {
        name: text
        for name, text in os.environ.items()
        if not name.startswith(("PILOT_", "BEARER_"))
    }

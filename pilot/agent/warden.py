"""The warden ends the processes that an agent left behind or that outlive their lease: the agent
informs it of every payload, and it acts when the agent is gone or silent.

An agent may get signal 9, which no program can handle, or hang. The warden is a small process with
its own session and command line (`-m pilot.agent.warden MARK GRACE_S`) that reads a pipe from the
agent: the pipe closes when the agent ends, whatever the cause. Only that wakes the warden; it reads
messages ten times a second, because a process that wakes for each payload takes a core from it. The
agent replaces a warden that was killed.
"""

import os
import select
import signal
import sys
import time
from typing import Callable, Dict, List, Optional, Sequence, Set, Tuple

from pilot.base import process_tree
from pilot.agent import marks
from pilot.agent.clock import boot_s
from pilot.agent.environment import AGENT_MARK
from pilot.agent.warden_client import NOBODYS, SHEET
from pilot.errors import UsageError

Seen = Tuple[int, int]  # a process: its pid and when it started
# interval of the checks: the pipe holds the messages of so much time
LOOK_S = 0.1
# So much time beyond a wait means that the whole slot was suspended: the agent wakes as well, and has
# AWAKE_S to renew its leases.
LATE_S, AWAKE_S = 1.0, 1.0
_STEP_S = 0.05
_PIPE = 1 << 20  # bytes: more than a pipe holds
_HEARD = (
    signal.SIGTERM,
    signal.SIGINT,
    signal.SIGHUP,
    signal.SIGQUIT,
    signal.SIGUSR1,
    signal.SIGUSR2,
)


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Watch until standard input closes."""
    words = list(sys.argv[1:] if argv is None else argv)
    if len(words) != 2:
        raise UsageError("usage: -m pilot.agent.warden MARK GRACE_S")
    _watch_agent(0, words[0], float(words[1]))
    return 0


class _Books:
    """What the agent has reported."""

    def __init__(self, mark: str) -> None:
        self.mark = mark
        # a payload's group -> all processes of it that the agent saw
        self.seen: Dict[int, Set[Seen]] = {}
        self.nobodys: Set[Seen] = set()
        self.until: Dict[int, float] = {}  # a group -> the end of its lease by the boot clock
        # a group -> the number in the limits of all its processes
        self.numbers: Dict[int, int] = {}
        self.newest = 0  # the number of the payload that was announced last

    def note(self, line: bytes) -> None:
        """Record one line of the agent's. ValueError or IndexError for an incomplete one."""
        sign, words = line[:1], line[1:].split()
        group = int(words[0])
        if sign == b"~":
            self.until[group] = float(words[1])
        # never among the groups: group 0 would be our own, session 0 the kernel's
        elif group == NOBODYS:
            self.nobodys.add((int(words[1]), int(words[2])))
        elif sign == b"+":
            self.seen[group], self.numbers[group] = set(), int(words[1])
            self.newest = int(words[1])
            self._forget_starting()
        elif sign == b"=":
            self.seen.setdefault(group, set()).add((int(words[1]), int(words[2])))
        else:
            for book in (self.seen, self.until, self.numbers):
                book.pop(group, None)

    def note_sheet(self, sheet: bytes) -> None:
        """Read which payload starts: one whose group is not known yet. A negative number, which is
        no group, stands for its group."""
        try:
            number, moment = sheet.split()
            starting, until = int(number), float(moment)
        except ValueError:  # nothing has started yet
            return
        if starting == self.newest or -starting in self.numbers:
            return
        self._forget_starting()
        self.newest = starting
        self.numbers[-starting] = starting
        if until >= 0:
            self.until[-starting] = until

    def _forget_starting(self) -> None:
        for group in [group for group in self.numbers if group < 0]:
            self.until.pop(group, None)
            del self.numbers[group]

    def of(self, group: int) -> "_Books":
        """The records of one group."""
        books = _Books("")
        books.seen = {group: self.seen.get(group, set())} if group > 0 else {}
        books.numbers = {group: self.numbers[group]} if group in self.numbers else {}
        return books

    def left(
        self, among: Callable[[], List[process_tree.Process]] = process_tree.everything
    ) -> List[process_tree.Process]:
        """Live processes of all these groups: in a group's session, seen by the agent, or with a
        number or the agent's mark, whatever their group is."""
        # the agent has a payload's number itself while it starts it (marks.marked_children)
        ours = (os.getpid(), os.getppid())
        seen = {process for processes in self.seen.values() for process in processes} | self.nobodys
        numbers = set(self.numbers.values())
        return [
            p
            for p in among()
            if p.state != "Z"
            and p.pid not in ours
            and (
                p.session in self.seen
                or (p.pid, p.started) in seen
                or marks.number_of(p.pid) in numbers
                or self.mark
                and process_tree.variable(p.pid, AGENT_MARK) == self.mark
            )
        ]

    def find_expired(self, now: float) -> List[int]:
        """The groups whose leases have ended by this time of the boot clock."""
        return [group for group, until in self.until.items() if until <= now]

    def signal(self, signum: int) -> None:
        """Send a signal to every group."""
        for group in self.seen:
            process_tree.send_group(group, signum)


def _watch_agent(read: int, mark: str, grace_s: float) -> None:
    for signum in _HEARD:
        signal.signal(signum, signal.SIG_IGN)
    books, rest, now, spare_until = _Books(mark), b"", boot_s(), 0.0
    os.set_blocking(read, False)
    closing = select.poll()
    closing.register(read, 0)  # no event but the end of the agent
    while True:
        books.note_sheet(os.pread(1, SHEET, 0))
        until = max(spare_until, min(books.until.values(), default=now + LOOK_S))
        wait_s = max(0.0, min(LOOK_S, until - boot_s()))
        closing.poll(1000 * wait_s)
        before, now = now, boot_s()
        if now - before > wait_s + LATE_S:
            spare_until = now + AWAKE_S
        data = _read_all(read)
        if data is None:
            break
        *lines, rest = (rest + data).split(b"\n")
        for line in lines:
            try:
                books.note(line)
            except (ValueError, IndexError):  # an incomplete line: the others are still valid
                continue
        for group in books.find_expired(now) if now >= spare_until else ():
            del books.until[group]
            _kill_expired(books.of(group))
    books.note_sheet(os.pread(1, SHEET, 0))
    _end_all(books, grace_s)


def _read_all(read: int) -> Optional[bytes]:
    """What the agent has sent by now; None once it has ended and all was read."""
    try:
        return os.read(read, _PIPE) or None
    except BlockingIOError:
        return b""


def _kill_expired(books: _Books) -> None:
    """End groups whose lease has run out and that the agent did not end: another pilot may run the
    task by now."""
    books.signal(signal.SIGKILL)
    # a process that left the group is the agent's child by now; reading all of /proc takes long on
    # a busy machine
    process_tree.send(books.left(lambda: process_tree.descendants(os.getppid())), signal.SIGKILL)
    process_tree.send(books.left(), signal.SIGKILL)


def _end_all(books: _Books, grace_s: float) -> None:
    """Send SIGTERM to these groups, and SIGKILL to the processes that survive the grace, in the
    groups or with a mark elsewhere."""
    deadline = time.monotonic() + grace_s
    if books.left():
        books.signal(signal.SIGTERM)
    while books.left() and time.monotonic() < deadline:
        time.sleep(_STEP_S)
    _kill_expired(books)


if __name__ == "__main__":
    sys.exit(main())

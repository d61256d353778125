"""The warden ends what an agent left behind, and what outlives its lease: it hears of every payload
and acts when the agent is gone or silent.

A pilot's agent may be killed with signal 9, which it cannot answer, or be stuck. The warden is a
small process of its own session and command line (`-m pilot.agent.warden MARK GRACE_S`) at the
other end of a pipe: the pipe's end is the agent's end, however it came. One that was killed is
replaced.
"""

import os
import select
import signal
import sys
import time
from typing import Callable, Dict, List, Optional, Sequence, Set, Tuple

from pilot.base import process, process_tree
from pilot.agent import marks
from pilot.agent.clock import boot_s
from pilot.agent.environment import AGENT_MARK
from pilot.errors import UsageError

Seen = Tuple[int, int]  # a process: its pid and when it started
NOBODYS = 0  # stands for the group of what cannot be told whose it is
# between two looks at the clock: a machine that was suspended wakes with leases that have ended
LOOK_S = 1.0
# processes of a group that are kept in mind before those that have ended are forgotten
MOST_SEEN = 2000
_STEP_S = 0.05
_HEARD = (
    signal.SIGTERM,
    signal.SIGINT,
    signal.SIGHUP,
    signal.SIGQUIT,
    signal.SIGUSR1,
    signal.SIGUSR2,
)


class Warden:
    """The agent's end: `began` and `ended` tell of payloads' groups, `until` of their leases. The
    warden ends when this is closed."""

    def __init__(self, argv: Sequence[str], mark: str, grace_s: float) -> None:
        self._argv = list(argv) + [mark, "%g" % grace_s]
        self._groups: Dict[int, str] = {}  # by group, what a new warden must know: its mark,
        self._leases: Dict[int, str] = {}  # until when it may run,
        self._seen: Dict[int, Dict[int, str]] = {}  # and its processes by pid
        self._late = ""  # what is still to be told
        self._start_program()

    def _start_program(self) -> None:
        read, self._write = os.pipe()
        os.set_blocking(self._write, False)
        try:
            self._child = process.spawn(
                self._argv,
                stdin=read,
                stdout=process.DEVNULL,
                stderr=process.DEVNULL,
                env=_bare_environment(),
            )
        finally:
            os.close(read)
        self.pid = self._child.pid

    def replace(self) -> None:
        """It has ended, and was reaped: another takes its place and hears all that it must know.
        OSError when none can be started."""
        self._child.returncode = 0
        former = self._write
        self._start_program()
        os.close(former)
        for group, line in self._groups.items():
            self._write_words(line + self._leases.get(group, ""))
        for group, seen in self._seen.items():
            alive = {pid: line for pid, line in seen.items() if os.path.exists("/proc/%d" % pid)}
            self._seen[group] = alive
            for line in alive.values():
                self._write_words(line)

    def began(self, group: int, number: int, moment: Optional[float] = None) -> None:
        """A payload of this group runs, until this moment at most; what it starts bears this number
        (pilot/agent/marks.py)."""
        self._groups[group] = "+%d %d\n" % (group, number)
        self._leases[group] = "" if moment is None else _read_lease(group, moment)
        self._write_words(self._groups[group] + self._leases[group])

    def until(self, group: int, moment: float) -> None:
        """What runs in this group must have ended at this moment of the boot clock."""
        self._leases[group] = _read_lease(group, moment)
        self._write_words(self._leases[group])

    def saw(self, group: int, pid: int, started: int) -> None:
        """This process (with when it started) belongs to the payload of that group, wherever it
        went."""
        line, seen = "=%d %d %d\n" % (group, pid, started), self._seen.setdefault(group, {})
        if seen.get(pid) != line:
            if len(seen) >= MOST_SEEN:
                self._seen[group] = seen = {
                    one: text for one, text in seen.items() if os.path.exists("/proc/%d" % one)
                }
            seen[pid] = line
            self._write_words(line)

    def ended(self, group: int) -> None:
        """Nothing of this group is left. It is told with what is told next, or by `flush`: each
        telling wakes a process."""
        for book in (self._groups, self._leases, self._seen):
            book.pop(group, None)
        self._late += "-%d\n" % group

    def flush(self) -> None:
        """Tell what waits to be told."""
        if self._late:
            self._write_words("")

    def close(self) -> None:
        """No more payloads: the warden exits."""
        self._child.returncode = 0  # it is waited for by whoever reaps the agent's children
        os.close(self._write)

    def _write_words(self, text: str) -> None:
        text, self._late = self._late + text, ""
        try:
            os.write(self._write, text.encode())
        # it was killed (and is replaced), or is stuck: payloads still die with the agent's own care
        except OSError:
            pass


def _read_lease(group: int, moment: float) -> str:
    return "~%d %.3f\n" % (group, moment)


def _bare_environment() -> Dict[str, str]:
    """What a Python needs to start, without tokens: others of our user may read it."""
    return {
        name: text
        for name, text in os.environ.items()
        if not name.startswith(("PILOT_", "BEARER_"))
    }


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Watch until standard input ends."""
    words = list(sys.argv[1:] if argv is None else argv)
    if len(words) != 2:
        raise UsageError("usage: -m pilot.agent.warden MARK GRACE_S")
    _watch_agent(0, words[0], float(words[1]))
    return 0


class _Books:
    """What the agent has told."""

    def __init__(self, mark: str) -> None:
        self.mark = mark
        # a payload's group -> all its processes that were seen
        self.seen: Dict[int, Set[Seen]] = {}
        self.nobodys: Set[Seen] = set()
        self.until: Dict[int, float] = {}  # a group -> the end of its lease by the boot clock
        # a group -> the number in the limits of all that it started
        self.numbers: Dict[int, int] = {}

    def note(self, line: bytes) -> None:
        """One line of the agent's. ValueError or IndexError for a torn one."""
        sign, words = line[:1], line[1:].split()
        group = int(words[0])
        if sign == b"~":
            self.until[group] = float(words[1])
        # never among the groups: group 0 would be our own, session 0 the kernel's
        elif group == NOBODYS:
            self.nobodys.add((int(words[1]), int(words[2])))
        elif sign == b"+":
            self.seen[group], self.numbers[group] = set(), int(words[1])
        elif sign == b"=":
            self.seen.setdefault(group, set()).add((int(words[1]), int(words[2])))
        else:
            for book in (self.seen, self.until, self.numbers):
                book.pop(group, None)

    def of(self, group: int) -> "_Books":
        """What concerns one group."""
        found = _Books("")
        found.seen = {group: self.seen.get(group, set())}
        found.numbers = {group: self.numbers[group]} if group in self.numbers else {}
        return found

    def left(
        self, among: Callable[[], List[process_tree.Process]] = process_tree.everything
    ) -> List[process_tree.Process]:
        """Processes of all this that live: in a group's session, seen, or with a number or our mark
        wherever they went."""
        seen = {process for processes in self.seen.values() for process in processes} | self.nobodys
        numbers = set(self.numbers.values())
        return [
            p
            for p in among()
            if p.state != "Z"
            and p.pid != os.getpid()
            and (
                p.session in self.seen
                or (p.pid, p.started) in seen
                or marks.number_of(p.pid) in numbers
                or self.mark
                and process_tree.variable(p.pid, AGENT_MARK) == self.mark
            )
        ]

    def signal(self, signum: int) -> None:
        """To every group."""
        for group in self.seen:
            process_tree.send_group(group, signum)


def _watch_agent(read: int, mark: str, grace_s: float) -> None:
    for signum in _HEARD:
        signal.signal(signum, signal.SIG_IGN)
    books, rest = _Books(mark), b""
    while True:
        wait_s = (
            max(0.0, min(LOOK_S, min(books.until.values()) - boot_s())) if books.until else None
        )
        if select.select([read], [], [], wait_s)[0]:
            data = os.read(read, 65536)
            if not data:
                break
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                try:
                    books.note(line)
                except (ValueError, IndexError):  # a torn line: the rest counts all the same
                    continue
        for group in [group for group, until in books.until.items() if until <= boot_s()]:
            del books.until[group]
            _kill_expired(books.of(group))
    _end_all(books, grace_s)


def _kill_expired(books: _Books) -> None:
    """The lease of these has ended and the agent did not see to it: another may run the task by
    now."""
    books.signal(signal.SIGKILL)
    # what left the group is the agent's child by now; to look at every process takes long on a busy
    # machine
    process_tree.send(books.left(lambda: process_tree.descendants(os.getppid())), signal.SIGKILL)
    process_tree.send(books.left(), signal.SIGKILL)


def _end_all(books: _Books, grace_s: float) -> None:
    """SIGTERM to what is left of these groups, SIGKILL to what survives the grace, here or with a
    mark elsewhere."""
    deadline = time.monotonic() + grace_s
    if books.left():
        books.signal(signal.SIGTERM)
    while books.left() and time.monotonic() < deadline:
        time.sleep(_STEP_S)
    _kill_expired(books)


if __name__ == "__main__":
    sys.exit(main())

"""The warden ends what an agent left behind, and what outlives its lease: it hears of every payload and acts when the agent is
gone or silent.

A pilot's agent may be killed with signal 9, which it cannot answer, or be stuck. The warden is a small process of its own session
and command line (`-m pilot.agent.warden MARK GRACE_S`) at the other end of a pipe: the pipe's end is the agent's end, however it
came. One that was killed is replaced.
"""

import os
import select
import signal
import sys
import time
from typing import Callable, Dict, List, Optional, Sequence, Set, Tuple

from pilot import process, process_tree
from pilot.agent.clock import boot_s
from pilot.agent.environment import AGENT_MARK
from pilot.errors import UsageError

Seen = Tuple[int, int]  # a process: its pid and when it started
Groups = Dict[int, Set[Seen]]  # a payload's group -> all its processes that were seen
NOBODYS = 0  # stands for the group of what cannot be told whose it is
LOOK_S = 1.0  # between two looks at the clock: a machine that was suspended wakes with leases that have ended
MOST_SEEN = 2000  # processes of a group that are kept in mind before those that have ended are forgotten
_STEP_S = 0.05
_HEARD = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2)


class Warden:
    """The agent's end: `began` and `ended` tell of payloads' groups, `until` of their leases. The warden ends when this is closed."""

    def __init__(self, argv: Sequence[str], mark: str, grace_s: float) -> None:
        self._argv = list(argv) + [mark, "%g" % grace_s]
        self._leases: Dict[int, str] = {}  # by group, what a new warden must know: until when it may run,
        self._seen: Dict[int, Dict[int, str]] = {}  # and its processes by pid
        self._start()

    def _start(self) -> None:
        read, self._write = os.pipe()
        os.set_blocking(self._write, False)
        try:
            self._child = process.spawn(self._argv, stdin=read, stdout=process.DEVNULL, stderr=process.DEVNULL, env=_bare_environment())
        finally:
            os.close(read)
        self.pid = self._child.pid

    def replace(self) -> None:
        """It has ended, and was reaped: another takes its place and hears all that it must know. OSError when none can be started."""
        self._child.returncode = 0
        former = self._write
        self._start()
        os.close(former)
        for group, lease in self._leases.items():
            self._say("+%d\n%s" % (group, lease))
        for group, seen in self._seen.items():
            alive = {pid: line for pid, line in seen.items() if os.path.exists("/proc/%d" % pid)}
            self._seen[group] = alive
            for line in alive.values():
                self._say(line)

    def began(self, group: int) -> None:
        """A payload of this group runs."""
        self._leases[group] = ""
        self._say("+%d\n" % group)

    def until(self, group: int, moment: float) -> None:
        """What runs in this group must have ended at this moment of the boot clock."""
        self._leases[group] = "~%d %.3f\n" % (group, moment)
        self._say(self._leases[group])

    def saw(self, group: int, pid: int, started: int) -> None:
        """This process (with when it started) belongs to the payload of that group, wherever it went."""
        line, seen = "=%d %d %d\n" % (group, pid, started), self._seen.setdefault(group, {})
        if seen.get(pid) != line:
            if len(seen) >= MOST_SEEN:
                self._seen[group] = seen = {one: text for one, text in seen.items() if os.path.exists("/proc/%d" % one)}
            seen[pid] = line
            self._say(line)

    def ended(self, group: int) -> None:
        """Nothing of this group is left."""
        self._leases.pop(group, None)
        self._seen.pop(group, None)
        self._say("-%d\n" % group)

    def close(self) -> None:
        """No more payloads: the warden exits."""
        self._child.returncode = 0  # it is waited for by whoever reaps the agent's children
        os.close(self._write)

    def _say(self, text: str) -> None:
        try:
            os.write(self._write, text.encode())
        except OSError:  # it was killed (and is replaced), or is stuck: payloads still die with the agent's own care
            pass


def _bare_environment() -> Dict[str, str]:
    """What a Python needs to start, without tokens: others of our user may read it."""
    return {name: text for name, text in os.environ.items() if not name.startswith(("PILOT_", "BEARER_"))}


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Watch until standard input ends."""
    words = list(sys.argv[1:] if argv is None else argv)
    if len(words) != 2:
        raise UsageError("usage: -m pilot.agent.warden MARK GRACE_S")
    _watch(0, words[0], float(words[1]))
    return 0


def _watch(read: int, mark: str, grace_s: float) -> None:
    for signum in _HEARD:
        signal.signal(signum, signal.SIG_IGN)
    groups: Groups = {}
    nobodys: Set[Seen] = set()
    leases: Dict[int, float] = {}
    rest = b""
    while True:
        wait_s = max(0.0, min(LOOK_S, min(leases.values()) - boot_s())) if leases else None
        if select.select([read], [], [], wait_s)[0]:
            data = os.read(read, 65536)
            if not data:
                break
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                try:
                    _note(groups, nobodys, leases, line[:1], line[1:].split())
                except (ValueError, IndexError):  # a torn line: the rest counts all the same
                    continue
        for group in [group for group, until in leases.items() if until <= boot_s()]:
            del leases[group]
            _kill({group: groups.get(group, set())})
    end_all(groups, nobodys, mark, grace_s, time.sleep)


def _kill(groups: Groups) -> None:
    """The lease of these has ended and the agent did not see to it: another may run the task by now."""
    for group in groups:
        process_tree.send_group(group, signal.SIGKILL)
    process_tree.send(_left(groups, set(), ""), signal.SIGKILL)


def _note(groups: Groups, nobodys: Set[Seen], leases: Dict[int, float], sign: bytes, words: List[bytes]) -> None:
    if sign == b"~":
        leases[int(words[0])] = float(words[1])
        return
    numbers = [int(word) for word in words]
    if numbers[0] == NOBODYS:  # never among the groups: group 0 would be our own, session 0 the kernel's
        nobodys.add((numbers[1], numbers[2]))
    elif sign == b"+":
        groups[numbers[0]] = set()
    elif sign == b"=":
        groups.setdefault(numbers[0], set()).add((numbers[1], numbers[2]))
    else:
        groups.pop(numbers[0], None)
        leases.pop(numbers[0], None)


def end_all(groups: Groups, nobodys: Set[Seen], mark: str, grace_s: float, wait: Callable[[float], None]) -> None:
    """SIGTERM to what is left of these groups, SIGKILL to what survives the grace, here or with our mark elsewhere."""
    deadline = time.monotonic() + grace_s
    if _left(groups, nobodys, mark):
        for group in groups:
            process_tree.send_group(group, signal.SIGTERM)
    while _left(groups, nobodys, mark) and time.monotonic() < deadline:
        wait(_STEP_S)
    for group in groups:
        process_tree.send_group(group, signal.SIGKILL)
    process_tree.send(_left(groups, nobodys, mark), signal.SIGKILL)


def _left(groups: Groups, nobodys: Set[Seen], mark: str) -> List[process_tree.Process]:
    seen = {process for processes in groups.values() for process in processes} | nobodys
    return [p for p in process_tree.everything() if p.state != "Z" and p.pid != os.getpid()
            and (p.session in groups or (p.pid, p.started) in seen or mark and process_tree.variable(p.pid, AGENT_MARK) == mark)]


if __name__ == "__main__":
    sys.exit(main())

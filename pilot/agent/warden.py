"""The warden ends what an agent left behind: it hears of every payload and acts when the agent is gone.

A pilot's agent may be killed with signal 9, which it cannot answer. The warden is a small process of its own
session at the other end of a pipe: the pipe's end is the agent's end, however it came.
"""

import os
import signal
import time
from typing import Callable, Dict, List, Set, Tuple

from pilot import process_tree
from pilot.agent.environment import AGENT_MARK
from pilot.fork import fork_service

Seen = Tuple[int, int]  # a process: its pid and when it started
Groups = Dict[int, Set[Seen]]  # a payload's group -> all its processes that were seen
NOBODYS = 0  # stands for the group of what cannot be told whose it is
_STEP_S = 0.05
_HEARD = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2)


class Warden:
    """The agent's end: `began` and `ended` tell of payloads' groups. The warden ends when this is closed."""

    def __init__(self, mark: str, grace_s: float) -> None:
        read, self._write = os.pipe()
        os.set_inheritable(self._write, False)

        def watch() -> None:
            os.close(self._write)
            _watch(read, mark, grace_s)

        self.pid = fork_service(watch)
        os.close(read)

    def began(self, group: int) -> None:
        """A payload of this group runs."""
        self._say("+%d\n" % group)

    def saw(self, group: int, pid: int, started: int) -> None:
        """This process (with when it started) belongs to the payload of that group, wherever it went."""
        self._say("=%d %d %d\n" % (group, pid, started))

    def ended(self, group: int) -> None:
        """Nothing of this group is left."""
        self._say("-%d\n" % group)

    def close(self) -> None:
        """No more payloads: the warden goes home."""
        os.close(self._write)

    def _say(self, text: str) -> None:
        try:
            os.write(self._write, text.encode())
        except OSError:  # the warden was killed: payloads still die with the agent's own care
            pass


def _watch(read: int, mark: str, grace_s: float) -> None:
    for signum in _HEARD:
        signal.signal(signum, signal.SIG_IGN)
    groups: Groups = {}
    nobodys: Set[Seen] = set()
    rest = b""
    while True:
        data = os.read(read, 65536)
        if not data:
            break
        *lines, rest = (rest + data).split(b"\n")
        for line in lines:
            _note(groups, nobodys, line[:1], [int(word) for word in line[1:].split()])
    end_all(groups, nobodys, mark, grace_s, time.sleep)


def _note(groups: Groups, nobodys: Set[Seen], sign: bytes, numbers: List[int]) -> None:
    if numbers[0] == NOBODYS:  # never among the groups: group 0 would be our own, session 0 the kernel's
        nobodys.add((numbers[1], numbers[2]))
    elif sign == b"+":
        groups[numbers[0]] = set()
    elif sign == b"=":
        groups.setdefault(numbers[0], set()).add((numbers[1], numbers[2]))
    else:
        groups.pop(numbers[0], None)


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
            and (p.session in groups or (p.pid, p.started) in seen or process_tree.variable(p.pid, AGENT_MARK) == mark)]

"""The pilot as process 1 of a container: what the programs it started leave behind has no other
parent to collect it.

Process 1 then stays a small one that passes signals on, collects, and ends as the pilot ends; the
pilot is its child.
"""

import os
import signal
from typing import Optional

from pilot.base.interrupts import DRAIN_SIGNALS, STOP_SIGNALS

SI_KERNEL = 0x80  # of asm-generic/siginfo.h: a terminal's signal
_HEARD = frozenset(STOP_SIGNALS + DRAIN_SIGNALS + (signal.SIGCONT, signal.SIGCHLD))


def step_aside() -> None:
    """For process 1: returns in a copy of it, which is to be the pilot."""
    # ignored, as our starter may have it, it would never be heard
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    # blocked, the kernel keeps them even for process 1
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _HEARD)
    child = os.fork()
    if child == 0:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        return
    os._exit(_serve_child(child))


def _serve_child(child: int) -> int:
    """Until `child` has ended; returns its exit code, as a shell tells it."""
    while True:
        heard = signal.sigwaitinfo(_HEARD)
        if heard.si_signo == signal.SIGCHLD:
            status = _collect_ended(child)
            if status is not None:
                return os.WEXITSTATUS(status) if os.WIFEXITED(status) else 128 + os.WTERMSIG(status)
        elif not _child_has_it(heard):
            os.kill(child, heard.si_signo)


def _child_has_it(heard: signal.struct_siginfo) -> bool:
    """A terminal sends ^C to its whole group, but its hangup to the leader of its session alone."""
    return heard.si_code == SI_KERNEL and not (
        heard.si_signo == signal.SIGHUP and os.getsid(0) == os.getpid()
    )


def _collect_ended(child: int) -> Optional[int]:
    """Everything that has ended, whoever started it; the status of `child` once it is among it."""
    status = None
    while True:
        try:
            pid, found = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return status
        if pid == 0:
            return status
        status = found if pid == child else status

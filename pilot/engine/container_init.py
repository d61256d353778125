"""The pilot as process 1 of a container: it must reap the orphans of its programs, because they
have no other parent.

Process 1 forks the pilot, and itself stays small: it passes signals on, reaps processes, and exits
as the pilot exits.
"""

import os
import signal
from typing import Optional

from pilot.base.interrupts import DRAIN_SIGNALS, STOP_SIGNALS

SI_KERNEL = 0x80  # of asm-generic/siginfo.h: a terminal's signal
_HEARD = frozenset(STOP_SIGNALS + DRAIN_SIGNALS + (signal.SIGCONT, signal.SIGCHLD))


def step_aside() -> None:
    """Fork process 1: returns in the child, which becomes the pilot."""
    # with SIGCHLD ignored, as our parent may have set it, sigwaitinfo would never get it
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    # the kernel delivers blocked signals even to process 1
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _HEARD)
    child = os.fork()
    if child == 0:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        return
    os._exit(_serve_child(child))


def _serve_child(child: int) -> int:
    """Wait until `child` has exited; returns its exit code in a shell's form."""
    while True:
        heard = signal.sigwaitinfo(_HEARD)
        if heard.si_signo == signal.SIGCHLD:
            status = _collect_ended(child)
            if status is not None:
                return os.WEXITSTATUS(status) if os.WIFEXITED(status) else 128 + os.WTERMSIG(status)
        elif not _child_has_it(heard):
            os.kill(child, heard.si_signo)


def _child_has_it(heard: signal.struct_siginfo) -> bool:
    """Whether the child has the signal already: a terminal sends ^C to its whole process group, but
    its hangup only to the leader of its session."""
    return heard.si_code == SI_KERNEL and not (
        heard.si_signo == signal.SIGHUP and os.getsid(0) == os.getpid()
    )


def _collect_ended(child: int) -> Optional[int]:
    """Reap every exited process, whoever started it; returns the status of `child` once it has
    exited."""
    status = None
    while True:
        try:
            pid, found = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return status
        if pid == 0:
            return status
        status = found if pid == child else status

"""Forked copies of this process that start no program: a quick check, a helper that must be there
first."""

import os
import signal
from typing import Callable

from pilot.base.interrupts import shielded

CHECK_S = 10  # whole seconds, for alarm(2)


def start_check(check: Callable[[], bool], limit_s: int = CHECK_S) -> Callable[[], bool]:
    """Start a quick check in a forked copy of this process, which it may spoil, while we go on;
    call the result for its answer: False when it raised or took longer than `limit_s`.

    The copy has no other threads: a lock that one of them holds now is never released there. So a
    check imports nothing that another thread may be importing, and the kernel ends one that waits
    in vain all the same.
    """
    # raised within what Python itself calls around a fork, an exception would vanish
    with shielded():
        child = os.fork()
    if child == 0:
        try:
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.alarm(limit_s)
            os._exit(0 if check() else 1)
        finally:
            os._exit(2)
    return lambda: os.waitpid(child, 0)[1] == 0


def fork_service(serve: Callable[[], None]) -> int:
    """Run `serve` in a forked copy of this process, in its own session with /dev/null on 0 to 2;
    returns its pid. For a helper that must be there before anything else is started."""
    child = os.fork()
    if child:
        return child
    try:
        os.setsid()
        null = os.open(os.devnull, os.O_RDWR)
        for descriptor in (0, 1, 2):
            os.dup2(null, descriptor)
        serve()
    finally:
        os._exit(0)

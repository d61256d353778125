"""A quick check in a forked copy of this process, which starts no program."""

import os
import signal
from typing import Callable

from pilot.base.interrupts import shielded

CHECK_S = 10  # whole seconds, for alarm(2)


def start_check(check: Callable[[], bool], limit_s: int = CHECK_S) -> Callable[[], bool]:
    """Start a quick check in a forked copy of this process; the check may change the copy. Call
    the result for the answer: False if the check raised or took longer than `limit_s`.

    The copy has no other threads, so nobody releases a lock that one of them holds now. A check
    must not import a module that another thread may be importing; an alarm ends a check that
    waits for such a lock.
    """
    # Python ignores exceptions in the functions that it calls around a fork
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

"""Forked copies of this process that start no program: a quick check, a helper that must be there first."""

import os
from typing import Callable

from pilot.interrupts import shielded


def start_check(check: Callable[[], bool]) -> Callable[[], bool]:
    """Start a quick check in a forked copy of this process, which it may spoil, while we go on; call the result
    for its answer: False when it raised."""
    with shielded():  # raised within what Python itself calls around a fork, an exception would vanish
        child = os.fork()
    if child == 0:
        try:
            os._exit(0 if check() else 1)
        finally:
            os._exit(2)
    return lambda: os.waitpid(child, 0)[1] == 0


def fork_service(serve: Callable[[], None]) -> int:
    """Run `serve` in a forked copy of this process, in its own session with /dev/null on 0 to 2; returns its
    pid. For a helper that must be there before anything else is started."""
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

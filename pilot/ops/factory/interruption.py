"""Lets a signal end what the factory waits for: a command of a batch system, a server. Elsewhere, as
when the book is written, a signal interrupts nothing."""

from contextlib import contextmanager
from typing import Iterator

HURRY_S = 5.0  # after the first signal: so long may what runs go on
AGAIN_S = 1.0  # and then each further wait


class Interrupted(Exception):
    """The factory ends, and does not wait any longer."""


class _Waits:
    """Whether the main thread waits now."""

    now = False


@contextmanager
def interruptible() -> Iterator[None]:
    """Inside, `interrupt` raises Interrupted."""
    _Waits.now = True
    try:
        yield
    finally:
        _Waits.now = False


def interrupt() -> None:
    """For a signal handler: end the wait of the main thread, if it waits."""
    if _Waits.now:
        _Waits.now = False
        raise Interrupted("the factory ends")

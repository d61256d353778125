"""prctl(2): attributes that a process sets for itself. Linux only; elsewhere the functions do
nothing."""

import signal
from typing import Callable, Optional

PDEATHSIG, DUMPABLE, CHILD_SUBREAPER = 1, 4, 36  # of linux/prctl.h


def prepared(option: int, value: int) -> Optional[Callable[[], None]]:
    """A function that makes the call: between fork and exec it must not import anything. None
    on systems without prctl."""
    try:
        import ctypes  # on demand: the import takes time

        prctl = ctypes.CDLL(None).prctl
    except (ImportError, OSError, AttributeError):
        return None
    return lambda: prctl(option, value, 0, 0, 0) and None


def ask(option: int, value: int) -> bool:
    """Make the call now; False on systems without prctl."""
    step = prepared(option, value)
    if step is not None:
        step()
    return step is not None


def die_with_parent(signum: int = signal.SIGTERM) -> bool:
    """The kernel sends us this signal when our parent ends, whatever the reason."""
    return ask(PDEATHSIG, int(signum))


def hide_environment() -> None:
    """Other processes of our user, such as payloads, cannot read our environment any more: it may
    hold a token."""
    ask(DUMPABLE, 0)

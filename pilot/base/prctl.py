"""prctl(2): attributes that a process sets for itself. Linux only; on other systems the functions
do nothing."""

import signal
from typing import Callable, Optional

PDEATHSIG, DUMPABLE, CHILD_SUBREAPER = 1, 4, 36  # from linux/prctl.h


def prepared(option: int, value: int) -> Optional[Callable[[], None]]:
    """A function that makes the call without an import, which is not allowed between fork and exec.
    None on systems without prctl."""
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
    """Ask the kernel to send this signal to us when our parent exits, for any reason. False on
    systems without prctl."""
    return ask(PDEATHSIG, int(signum))


def hide_environment() -> None:
    """Prevent other processes of this user, such as payloads, from reading our environment, which
    may contain a token."""
    ask(DUMPABLE, 0)

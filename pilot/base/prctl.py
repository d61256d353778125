"""What a process of ours asks of the kernel for itself, prctl(2): on Linux; elsewhere nothing
happens."""

import signal
from typing import Callable, Optional

PDEATHSIG, DUMPABLE, CHILD_SUBREAPER = 1, 4, 36  # of linux/prctl.h


def prepared(option: int, value: int) -> Optional[Callable[[], None]]:
    """What does it when it is called: between fork and exec nothing may be loaded any more. None
    where there is no prctl."""
    try:
        import ctypes  # not for a pilot that starts nothing

        prctl = ctypes.CDLL(None).prctl
    except (ImportError, OSError, AttributeError):
        return None
    return lambda: prctl(option, value, 0, 0, 0) and None


def ask(option: int, value: int) -> bool:
    """Do it now; whether there is anything that does it."""
    step = prepared(option, value)
    if step is not None:
        step()
    return step is not None


def die_with_parent(signum: int = signal.SIGTERM) -> bool:
    """Get this signal when our parent dies, however it dies."""
    return ask(PDEATHSIG, int(signum))


def hide_environment() -> None:
    """Others of our user, payloads for one, can no more read our environment: it may hold a
    token."""
    ask(DUMPABLE, 0)

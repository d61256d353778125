"""Turns signals and the time limits of commands into exceptions in the main thread.

SIGTERM, SIGINT, SIGHUP, SIGQUIT and SIGXCPU stop the pilot. Batch systems send SIGUSR1 or SIGUSR2
some time before the end: they ask the pilot to drain, that is to finish the running tasks and to
start no others. The exception can come between any two instructions; use `shielded` around steps
that must not be interrupted.
"""

import signal
import time
from contextlib import contextmanager
from typing import Callable, Iterator, List, Optional

from pilot.errors import Stopped, TimeLimit
from pilot.base.shared_defaults import FOREVER_S

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGXCPU)
DRAIN_SIGNALS = (signal.SIGUSR1, signal.SIGUSR2)


LONG_S = 1.0  # `on_long` is called when a command runs for this long
SHIELD_S = 1.0  # a shield delays an exception for at most this long


class _Shield:
    """How many shields are active in the main thread, and the exceptions that they delay."""

    depth = 0
    waiting: List[BaseException] = []
    until = 0.0  # the end of the delay, by the monotonic clock


@contextmanager
def shielded() -> Iterator[None]:
    """Delay the exceptions of signals and time limits until the end of the block, at most
    SHIELD_S. For the main thread."""
    _Shield.depth += 1
    try:
        yield
    finally:
        _Shield.depth -= 1
        if _Shield.waiting and not _Shield.depth:
            raise _Shield.waiting.pop()


def _raise(error: BaseException) -> None:
    if not _Shield.depth:
        raise error
    _Shield.waiting.append(error)
    _Shield.until = time.monotonic() + SHIELD_S
    signal.setitimer(signal.ITIMER_REAL, SHIELD_S)


def _endless() -> Optional[float]:
    return None


def ignore_signal(signum: int) -> None:
    """A listener that ignores every signal."""


class Interrupts:
    """The signals so far: `stop` is the first stop signal, `drain` is true after a drain signal.

    The handler calls `listener` with every later stop signal and every drain signal; a command that
    watches a child forwards them.
    """

    def __init__(self) -> None:
        self.stop: Optional[int] = None
        self.drain = False
        # the handler calls these at the first stop and at the first drain signal
        self.on_stop: Callable[[int], None] = ignore_signal
        self.on_drain: Callable[[int], None] = ignore_signal
        self.listener: Callable[[int], None] = ignore_signal
        self.on_long: Optional[Callable[[], object]] = None  # the handler calls it once
        self._armed = False
        self._limit_s = 0.0
        self._until: Optional[float] = None
        self._slot_s: Callable[[], Optional[float]] = _endless

    def install(self) -> None:
        """Install the handlers; signals that our parent made us ignore (nohup) stay ignored."""
        signal.signal(signal.SIGALRM, self._on_alarm)
        # a parent that ignores SIGCHLD gets no exit codes of its children
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.pthread_sigmask(
            signal.SIG_UNBLOCK, STOP_SIGNALS + DRAIN_SIGNALS + (signal.SIGALRM, signal.SIGCHLD)
        )
        for signum in STOP_SIGNALS:
            if signal.getsignal(signum) != signal.SIG_IGN:
                signal.signal(signum, self._on_stop)
        for signum in DRAIN_SIGNALS:
            signal.signal(signum, self._on_drain)

    def check(self) -> None:
        """Raise Stopped if a stopping signal came outside an `armed` block."""
        if self.stop is not None:
            raise Stopped(self.stop)

    @contextmanager
    def armed(
        self, limit_s: Optional[float], slot_s: Callable[[], Optional[float]] = _endless
    ) -> Iterator[None]:
        """In this block a stopping signal raises Stopped once; TimeLimit is raised after `limit_s`
        seconds, and when `slot_s`, which returns the seconds left in the slot, returns 0."""
        self.check()
        self._limit_s, self._slot_s = limit_s or 0.0, slot_s
        self._until = time.monotonic() + limit_s if limit_s else None
        former = signal.signal(signal.SIGALRM, self._on_alarm)
        self._armed = True
        self._set_timer()
        try:
            yield
        finally:
            self._armed = False
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, former)

    def _left_s(self) -> float:
        own = FOREVER_S if self._until is None else self._until - time.monotonic()
        slot = self._slot_s()
        return own if slot is None else min(own, slot)

    def _set_timer(self) -> None:
        left = self._left_s() if self.on_long is None else min(LONG_S, self._left_s())
        signal.setitimer(signal.ITIMER_REAL, max(0.001, left))

    @contextmanager
    def listening(self, listener: Callable[[int], None]) -> Iterator[None]:
        """In this block `listener` receives drain signals and repeated stop signals; it receives
        an earlier drain signal at once."""
        self.listener = listener
        try:
            if self.drain:
                listener(signal.SIGUSR1)
            yield
        finally:
            self.listener = ignore_signal

    def _on_stop(self, signum: int, _frame: object) -> None:
        if self.stop is not None:
            self.listener(signum)
            return
        self.stop = signum
        self.on_stop(signum)
        if self._armed:
            self._armed = False
            _raise(Stopped(signum))

    def _on_drain(self, signum: int, _frame: object) -> None:
        if not self.drain:
            self.on_drain(signum)
        self.drain = True
        self.listener(signum)

    def _on_alarm(self, signum: int, _frame: object) -> None:
        if _Shield.waiting:
            left = _Shield.until - time.monotonic()
            if left <= 0:
                raise _Shield.waiting.pop()
            # an alarm of the keeper: the shield's time is not over
            signal.setitimer(signal.ITIMER_REAL, left)
            return
        if not self._armed:
            return
        if self._left_s() <= 0:
            self._armed = False
            return _raise(TimeLimit(self._limit_s))
        if self.on_long is not None:
            begin, self.on_long = self.on_long, None
            begin()
        self._set_timer()

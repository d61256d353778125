"""Signals and command time limits become exceptions in the main thread; a second signal hurries.

SIGTERM, SIGINT, SIGHUP, SIGQUIT and SIGXCPU stop the pilot; SIGUSR1 and SIGUSR2, which batch
systems send some time before the end, only ask it to drain: finish what runs, start nothing new. An
exception may come between any two instructions; what must be done whole is done `shielded`.
"""

import signal
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Callable, Iterator, List, Optional

from pilot.errors import Stopped, TimeLimit
from pilot.base.shared_defaults import FOREVER_S

if TYPE_CHECKING:
    from types import FrameType

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGXCPU)
DRAIN_SIGNALS = (signal.SIGUSR1, signal.SIGUSR2)


LONG_S = 1.0  # what runs so long is looked after (`on_long`)
SHIELD_S = 1.0  # what is done whole may take so long: then the exception comes all the same


class _Shield:
    """How deep the main thread stands behind shields, and the exceptions that wait for it."""

    depth = 0
    waiting: List[BaseException] = []
    until = 0.0  # when they wait no longer, by the monotonic clock


@contextmanager
def shielded() -> Iterator[None]:
    """Inside, what a signal or a time limit raises waits until the end, at most SHIELD_S. For the
    main thread."""
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
    """A listener for signals that hears nothing."""


class Interrupts:
    """What signals have asked for. `stop` is the first stopping signal, `drain` a wish to end soon.

    `listener` is called, from the handler, with every later stop signal and every drain signal: a
    command that watches a child passes them on.
    """

    def __init__(self) -> None:
        self.stop: Optional[int] = None
        self.drain = False
        # called in the handler, at the first stop only
        self.on_stop: Callable[[int], None] = ignore_signal
        self.on_drain: Callable[[int], None] = ignore_signal  # likewise at the first wish to drain
        self.listener: Callable[[int], None] = ignore_signal
        self.on_long: Optional[Callable[[], object]] = None  # called once, in the handler
        self._armed = False
        self._limit_s = 0.0
        self._until: Optional[float] = None
        self._slot_s: Callable[[], Optional[float]] = _endless

    def install(self) -> None:
        """Take over the signals; those that our starter told us to ignore (nohup) stay ignored."""
        signal.signal(signal.SIGALRM, self._on_alarm)
        # ignored, children would vanish without their codes
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
        """Raise Stopped if a stopping signal came while nothing was armed."""
        if self.stop is not None:
            raise Stopped(self.stop)

    @contextmanager
    def armed(
        self, limit_s: Optional[float], slot_s: Callable[[], Optional[float]] = _endless
    ) -> Iterator[None]:
        """Inside, a stopping signal raises Stopped once; TimeLimit is raised after `limit_s`
        seconds and when the slot lasts no longer:
        `slot_s` tells how many seconds it does, whenever it is asked."""
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
        """Inside, `listener` hears drains and repeated stops; a drain that came before is told at
        once."""
        self.listener = listener
        try:
            if self.drain:
                listener(signal.SIGUSR1)
            yield
        finally:
            self.listener = ignore_signal

    def _on_stop(self, signum: int, _frame: "Optional[FrameType]") -> None:
        if self.stop is not None:
            self.listener(signum)
            return
        self.stop = signum
        self.on_stop(signum)
        if self._armed:
            self._armed = False
            _raise(Stopped(signum))

    def _on_drain(self, signum: int, _frame: "Optional[FrameType]") -> None:
        if not self.drain:
            self.on_drain(signum)
        self.drain = True
        self.listener(signum)

    def _on_alarm(self, signum: int, _frame: "Optional[FrameType]") -> None:
        if _Shield.waiting:
            left = _Shield.until - time.monotonic()
            if left <= 0:
                raise _Shield.waiting.pop()
            # an alarm of the keeper's: what is shielded has its time
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

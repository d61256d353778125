"""One event loop: child exits, timers, descriptors and signals wake it; it never polls."""

import heapq
import os
import resource
import selectors
import signal
import time
from typing import Any, Callable, Dict, Iterable, List, NamedTuple, Set, Tuple

Callback = Callable[[], None]
HEARD_S = 5.0


class ChildExit(NamedTuple):
    """How a child ended: -n when signal n killed it; CPU seconds and peak memory of it and of the
    children it waited for. `max_rss_mb` is 0 for a child smaller than this process: the kernel then
    reports the memory that the child shared with us before exec."""

    code: int
    cpu_s: float
    max_rss_mb: float


class Timer:
    """A scheduled call; `cancel` revokes it."""

    def __init__(self, callback: Callback) -> None:
        self.callback = callback
        self.cancelled = False

    def cancel(self) -> None:
        """Revoke the call."""
        self.cancelled = True


def _note_signal(signum: int, _frame: object) -> None:
    """Do nothing: the byte in the wakeup descriptor wakes the loop."""


class Loop:
    """`run` serves until `stop`. The loop watches children by pid, and reaps other processes that
    the kernel reparents to it."""

    def __init__(
        self, signals: Iterable[int], on_signal: Callable[[int], None], on_stranger: Callback
    ) -> None:
        self._selector = selectors.DefaultSelector()
        self._timers: List[Tuple[float, int, Timer]] = []
        self._count = 0
        self._children: Dict[int, Tuple[Callback, Callable[[ChildExit], None]]] = {}
        self._running = True
        self._heard: Dict[int, float] = {}
        self._signals = set(signals)
        self._on_signal, self._on_stranger = on_signal, on_stranger
        self._wake_read, wake_write = os.pipe()
        for end in (self._wake_read, wake_write):
            os.set_blocking(end, False)
        self._selector.register(self._wake_read, selectors.EVENT_READ, self._read_signals)
        signal.set_wakeup_fd(wake_write)
        for signum in self._signals | {signal.SIGCHLD}:
            signal.signal(signum, _note_signal)

    def after(self, seconds: float, callback: Callback) -> Timer:
        """Call back once, after so many seconds."""
        timer = Timer(callback)
        self._count += 1
        heapq.heappush(self._timers, (time.monotonic() + max(0.0, seconds), self._count, timer))
        return timer

    def watch_child(self, pid: int, dying: Callback, dead: Callable[[ChildExit], None]) -> None:
        """Call `dying` when the child has ended but still holds its pid (so its group cannot be
        another process's), then `dead` with how it ended."""
        self._children[pid] = (dying, dead)

    def watch_broken(self, descriptor: int, callback: Callback) -> None:
        """Call back once when the reader of this pipe has closed it; other kinds of file never
        call."""
        def gone() -> None:
            self._selector.unregister(descriptor)
            callback()

        try:
            self._selector.register(descriptor, selectors.EVENT_READ, gone)
        except (PermissionError, ValueError):  # epoll does not take a regular file
            pass

    def watch(self, descriptor: int, callback: Callback) -> None:
        """Call back whenever the descriptor has data to read."""
        self._selector.register(descriptor, selectors.EVENT_READ, callback)

    def stop(self) -> None:
        """End `run` after the current round of calls."""
        self._running = False

    def run(self) -> None:
        """Serve until stopped."""
        self._reap_children()
        while self._running:
            for key, _ in self._selector.select(self._wait_s()):
                key.data()
            self._call_due()

    def _wait_s(self) -> Any:
        while self._timers and self._timers[0][2].cancelled:
            heapq.heappop(self._timers)
        return (
            min(3600.0, max(0.0, self._timers[0][0] - time.monotonic())) if self._timers else None
        )

    def _call_due(self) -> None:
        now = time.monotonic()
        while self._running and self._timers and self._timers[0][0] <= now:
            timer = heapq.heappop(self._timers)[2]
            if not timer.cancelled:
                timer.callback()

    def _read_signals(self) -> None:
        try:
            numbers = os.read(self._wake_read, 4096)
        except BlockingIOError:
            return
        if signal.SIGCHLD in numbers:
            self._reap_children()
        for number in numbers:
            if number in self._signals:
                self._heard[number] = time.monotonic()
                self._on_signal(number)

    def heard_lately(self) -> Set[int]:
        """The signals that came within the last HEARD_S seconds."""
        now = time.monotonic()
        return {number for number, when in self._heard.items() if now - when < HEARD_S}

    def _reap_children(self) -> None:
        stranger = False
        while True:
            try:
                seen = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            except ChildProcessError:
                seen = None
            if seen is None:
                break
            known = self._children.pop(seen.si_pid, None)
            if known is not None:
                known[0]()
            _, status, used = os.wait4(seen.si_pid, 0)
            if known is not None:
                known[1](
                    ChildExit(exit_code(status), used.ru_utime + used.ru_stime, _peak_mb(used.ru_maxrss))
                )
            stranger = stranger or known is None
        if stranger:
            self._on_stranger()


def exit_code(status: int) -> int:
    """The status of wait(2) in subprocess's form: -n for signal n."""
    return -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)


def _peak_mb(kilobytes: int) -> float:
    return (
        kilobytes / 1024.0
        if kilobytes > resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        else 0.0
    )

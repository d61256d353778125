"""What modules take from DIRAC's pilotTools to collect lines and send them: a buffer of lines, a timer
that repeats, a lock for methods."""

import functools
import threading
from typing import Any, Callable, List, Optional


def synchronized(func: Callable[..., Any]) -> Callable[..., Any]:
    """A decorator: the method holds the lock `_rlock` of its object."""

    @functools.wraps(func)
    def locked(self: Any, *words: Any, **named: Any) -> Any:
        with self._rlock:
            return func(self, *words, **named)

    return locked


class RepeatingTimer(threading.Timer):
    """Calls a function each `interval` seconds until `cancel`."""

    def run(self) -> None:
        """Wait and call."""
        while not self.finished.wait(self.interval):
            self.function(*self.args, **self.kwargs)


class FixedSizeBuffer:
    """A buffer of lines: with `bufsize` lines it gives its text to `senderFunc` and is empty again;
    so it does each `autoflush` seconds (0: never)."""

    def __init__(
        self, senderFunc: Callable[[str], object], bufsize: int = 1000, autoflush: float = 10
    ) -> None:
        self._rlock = threading.RLock()
        self._texts: List[str] = []
        self._lines = 0
        self.bufsize, self.senderFunc = bufsize, senderFunc
        self._timer: Optional[RepeatingTimer] = None
        if autoflush > 0:
            self._timer = RepeatingTimer(autoflush, self.flush)
            self._timer.daemon = True
            self._timer.start()

    @synchronized
    def write(self, text: str) -> None:
        """Add a text; one without a line's end counts as a line."""
        self._texts.append(text)
        self._lines += max(1, text.count("\n"))
        self.sendFullBuffer()

    @synchronized
    def getValue(self) -> str:
        """The text of the buffer."""
        return "".join(self._texts)

    @synchronized
    def sendFullBuffer(self) -> None:
        """Send the text if the buffer is full."""
        if self._lines >= self.bufsize:
            self.flush()

    @synchronized
    def flush(self) -> None:
        """Send what there is."""
        if self._lines:
            text, self._texts, self._lines = self.getValue(), [], 0
            self.senderFunc(text)

    def cancelTimer(self) -> None:
        """Send by `flush` and by full buffers only."""
        if self._timer is not None:
            self._timer.cancel()

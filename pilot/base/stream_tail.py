"""Keeps the output of a program in bounded memory: its last bytes. Passes each line to a
listener."""

from typing import Callable, Optional

MAX_LINE = 1 << 16


class Tail:
    """The last `keep` bytes of a stream; `on_line` receives its lines one by one."""

    def __init__(self, keep: int, on_line: Optional[Callable[[str], None]] = None) -> None:
        self._keep, self._on_line = keep, on_line
        self._kept, self._line = bytearray(), bytearray()
        self.dropped = 0

    def feed(self, data: bytes) -> None:
        """Take the next bytes of the stream."""
        self._kept += data
        if len(self._kept) > 2 * self._keep:
            self._cut_kept()
        if self._on_line is None:
            return
        self._line += data
        *lines, rest = self._line.split(b"\n")
        self._line = bytearray(rest)
        if len(rest) > MAX_LINE:
            lines.append(self._line)
            self._line = bytearray()
        for line in lines:
            self._on_line(line.decode("utf-8", "replace"))

    def close(self) -> None:
        """The stream has ended: pass on the last line even if it has no newline."""
        if self._on_line is not None and self._line:
            self._on_line(self._line.decode("utf-8", "replace"))
            self._line = bytearray()

    def read_text(self) -> str:
        """The last bytes as text; invalid UTF-8 is replaced."""
        self._cut_kept()
        return self._kept.decode("utf-8", "replace")

    def _cut_kept(self) -> None:
        extra = len(self._kept) - self._keep
        if extra > 0:
            self.dropped += extra
            del self._kept[:extra]

"""Copies a payload's output to the agent's own output while it runs: for a person who runs one task
at a terminal."""

import os
import stat
import threading
from typing import Dict, Optional

from pilot.base import log

EVERY_S = 0.05
CHUNK = 1 << 16
STREAMS = {"stdout": 1, "stderr": 2}  # file, and the descriptor to copy it to


def _strip_controls(data: bytes) -> bytes:
    """The text for a terminal: without control sequences, but with carriage returns, which progress
    displays use."""
    return b"\r".join(
        log.printable(part.decode("utf-8", "replace")).encode("utf-8") for part in data.split(b"\r")
    )


class Live:
    """Follows the two files of a payload that started in the folder `home`; `finish` copies the
    rest."""

    def __init__(self, home: str) -> None:
        self._open: Dict[str, int] = {}
        self._open_streams(home)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._follow_streams, daemon=True)
        self._thread.start()

    def _open_streams(self, folder: str) -> None:
        for name in STREAMS:
            if name not in self._open:
                try:
                    descriptor = os.open(
                        os.path.join(folder, name),
                        os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK,
                    )
                except OSError:  # the payload is over already: the folder has another name
                    continue
                if stat.S_ISREG(os.fstat(descriptor).st_mode):
                    self._open[name] = descriptor
                else:
                    os.close(descriptor)

    def _follow_streams(self) -> None:
        while not self._stop.wait(EVERY_S):
            self._copy_output()

    def _copy_output(self) -> None:
        for name, source in list(self._open.items()):
            for data in iter(lambda: os.read(source, CHUNK), b""):
                try:
                    os.write(
                        STREAMS[name], _strip_controls(data) if os.isatty(STREAMS[name]) else data
                    )
                except OSError:  # the reader has closed the output
                    break

    def finish(self, folder: Optional[str]) -> None:
        """Copy the rest after the payload has ended; its files are in this folder now."""
        self._stop.set()
        self._thread.join()
        self._open_streams(folder or "")
        self._copy_output()
        for source in self._open.values():
            os.close(source)
        self._open = {}

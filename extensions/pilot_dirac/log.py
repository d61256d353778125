"""The logger of DIRAC's commands, and pilot.out, whose lines have DIRAC's layout."""

import logging
import os
import time
from typing import Optional, Tuple

from pilot.base.log import Masker

WORDS = {"WARNING": "WARN", "CRITICAL": "ERROR"}
OUT = "pilot.out"


class Logger:
    """debug, info, warn and error take a text and, as in DIRAC, further words, which replace the
    %s of the text."""

    isPilotLoggerOn = False
    buffer: Optional[object] = None

    def __init__(
        self, name: str = "Pilot", debugFlag: bool = False, *_more: object, **_named: object
    ) -> None:
        self.name = name
        self._log = logging.getLogger("pilot." + name)
        if debugFlag:
            self.setDebug()

    def setDebug(self) -> None:
        """Log records of every level."""
        logging.getLogger("pilot").setLevel(logging.DEBUG)

    def debug(self, text: object, *more: object, **_named: object) -> None:
        """Log a record for developers."""
        self._log.debug("%s", fill_in(text, more))

    def info(self, text: object, *more: object, **_named: object) -> None:
        """Log a record for operators."""
        self._log.info("%s", fill_in(text, more))

    def warn(self, text: object, *more: object, **_named: object) -> None:
        """Log a problem that does not end the pilot."""
        self._log.warning("%s", fill_in(text, more))

    def error(self, text: object, *more: object, **_named: object) -> None:
        """Log an error."""
        self._log.error("%s", fill_in(text, more))

    warning = warn


def fill_in(text: object, more: Tuple[object, ...]) -> str:
    """`text % more` when the two fit, else all words with spaces between them."""
    if not more:
        return str(text)
    try:
        return "%s" % (str(text) % more)
    except (TypeError, ValueError):
        return " ".join([str(text)] + [str(word) for word in more])


def log_line(seconds: float, level: str, name: str, text: str) -> str:
    """2026-11-20T03:11:06.320466Z INFO [CheckWorkerNode] text"""
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + ".%06dZ" % (
        seconds % 1 * 1000000
    )
    return "%s %s [%s] %s" % (
        stamp,
        WORDS.get(level, level),
        name.rpartition(".")[2] if "." in name else "Pilot",
        text,
    )


class OutFile(logging.Handler):
    """Appends every line of the log to pilot.out, with secrets masked."""

    def __init__(self, path: str, masker: Masker) -> None:
        super().__init__()
        self._masker = masker
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record; each of its lines gets the header."""
        lines = [log_line(record.created, record.levelname, record.name, text) + "\n"
                 for text in self._masker.mask_text(record.getMessage()).splitlines()]
        try:
            os.write(self._file, "".join(lines).encode("utf-8", "backslashreplace"))
        except OSError:  # a full disk does not end the pilot here: CheckWorkerNode reports it
            pass


def to_out_file(path: str, masker: Masker) -> None:
    """Write the log to pilot.out, too; a second call has no effect."""
    log = logging.getLogger("pilot")
    if not any(isinstance(handler, OutFile) for handler in log.handlers):
        try:
            log.addHandler(OutFile(path, masker))
        except OSError as error:
            log.warning("%s cannot be written: %s", path, error.strerror)

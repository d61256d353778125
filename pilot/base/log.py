"""Logging set up once: console and pilot.log, each line with UTC time, level and command; secrets
masked."""

import logging
import os
import re
import sys
import time
from typing import Dict, List, Optional

MASK = "********"
MIN_SECRET = 4  # shorter texts are too common to mask by value


class Masker:
    """Replaces secret texts wherever they stand."""

    def __init__(self) -> None:
        self._secrets: List[str] = []

    def add(self, secret: str) -> None:
        """From now on this text is shown as asterisks."""
        if len(secret) >= MIN_SECRET and secret not in self._secrets:
            self._secrets = sorted(self._secrets + [secret], key=len, reverse=True)

    def mask_text(self, text: str) -> str:
        """The text without the secrets."""
        for secret in self._secrets:
            text = text.replace(secret, MASK)
        return text

    def mask_fields(self, fields: Dict[str, object]) -> Dict[str, object]:
        """A JSON object without the secrets, in every string inside it."""
        if not self._secrets:
            return fields
        return {self.mask_text(str(key)): self._mask_value(item) for key, item in fields.items()}

    def _mask_value(self, value: object) -> object:
        if isinstance(value, str):
            return self.mask_text(value)
        if isinstance(value, dict):
            return self.mask_fields(value)
        if isinstance(value, (list, tuple)):
            return [self._mask_value(item) for item in value]
        return value


def utc(seconds: float) -> str:
    """Seconds since the epoch as 2026-11-20T03:11:06.320Z."""
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + ".%03dZ" % (
        seconds % 1 * 1000
    )


# re compiles these when they are first met: at the start of every pilot it would take as long as
# reading this module
_QUERY = (
    r"(?i)[?&](?:access_token|api_?key|auth|authz|key|passw(?:or)?d|secret|sig|signature|token|x-amz-signature)="
    r"([^&#\s'\"]+)"
)
# what moves a terminal's cursor, or turns a line round: C0 but tab and newline, DEL, C1,
# bidirectional controls, line separators
_CONTROLS = "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]"


def printable(text: str) -> str:
    """Text of anybody's, for a person's terminal: what would steer it is shown instead."""
    if text.replace("\n", "").isprintable():
        return text
    return re.sub(
        _CONTROLS, lambda found: found.group().encode("unicode_escape").decode("ascii"), text
    )


def passwords(text: str) -> List[str]:
    """The passwords inside URLs, as in https://user:password@host/ and https://host/?token=..."""
    found: List[str] = re.findall(_QUERY, text) if "?" in text or "&" in text else []
    for part in text.split("://")[1:]:
        user, at, _ = part.split("/", 1)[0].rpartition("@")
        if at and ":" in user:
            found.append(user.split(":", 1)[1])
    return found


def told(record: logging.LogRecord, masker: Masker) -> List[str]:
    """A record's lines, each with the header."""
    text = record.getMessage()
    if record.exc_info:
        text += "\n" + logging.Formatter().formatException(record.exc_info)
    where = record.name.partition(".")[2] or "pilot"
    head = "%s %-7s %s: " % (utc(record.created), record.levelname, where)
    return [head + printable(line) for line in masker.mask_text(text).splitlines() or [""]]


class LineHandler(logging.Handler):
    """Writes whole lines straight to a descriptor: nothing is buffered, so a signal handler may log
    too."""

    def __init__(self, descriptor: int, masker: Masker) -> None:
        super().__init__()
        self.before = ""  # what clears the line of the terminal, while there is a bar
        self._descriptor, self._masker = descriptor, masker

    def emit(self, record: logging.LogRecord) -> None:
        """One header per line, also for messages of several lines; a full or closed stream is
        passed over."""
        lines = "".join(line + "\n" for line in told(record, self._masker))
        try:
            os.write(self._descriptor, (self.before + lines).encode("utf-8", "backslashreplace"))
        except OSError:
            pass


def set_up(masker: Masker, debug: bool, log_file: Optional[int]) -> List[LineHandler]:
    """Log to stderr and, given its descriptor, to a file (which gets everything). Returns the
    handlers."""
    root = logging.getLogger("pilot")
    console = LineHandler(sys.stderr.fileno() if sys.stderr else 2, masker)
    console.setLevel(logging.DEBUG if debug else logging.INFO)
    handlers = [console]
    if log_file is not None:
        handlers.append(LineHandler(log_file, masker))
    root.handlers[:] = list(handlers)
    root.setLevel(logging.DEBUG)
    root.propagate = False
    return handlers


def safe_streams() -> None:
    """Make stdin, stdout and stderr usable whatever we were started with.

    Missing ones are opened on /dev/null, so that no file of ours becomes descriptor 1; text that
    the stream's encoding does not know is written with backslashes.
    """
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    for name, descriptor in (("stdout", 1), ("stderr", 2)):
        stream = getattr(sys, name)
        encoding = stream.encoding if stream is not None and stream.encoding else "utf-8"
        if stream is None or stream.errors != "backslashreplace":
            raw = open(
                descriptor,
                "w",
                encoding=encoding,
                errors="backslashreplace",
                closefd=False,
                buffering=1,
            )
            setattr(sys, name, raw)
    if sys.stdin is None:
        sys.stdin = open(0, closefd=False)


def say(text: str, error: bool = False) -> None:
    """Write to stdout or stderr. When that fails (full, closed, the reader has gone) the rest goes
    nowhere, and our exit code stands."""
    stream = sys.stderr if error else sys.stdout
    try:
        stream.write(printable(text))
        stream.flush()
    except (OSError, ValueError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 2 if error else 1)
        os.close(null)

"""Logging to the console and to pilot.log: each line has UTC time, level and command; secrets are
masked."""

import logging
import os
import re
import sys
import time
from typing import Dict, List, Optional

MASK = "********"
MIN_SECRET = 4  # shorter texts are too common to mask by value
CONSOLE = 2  # stderr; a community whose sites read the log in stdout sets 1 before the run


class Masker:
    """Replaces secrets with asterisks in all output."""

    def __init__(self) -> None:
        self._secrets: List[str] = []

    def add(self, secret: str) -> None:
        """Mask this text from now on."""
        if len(secret) >= MIN_SECRET and secret not in self._secrets:
            self._secrets = sorted(self._secrets + [secret], key=len, reverse=True)

    def mask_text(self, text: str) -> str:
        """The text without the secrets."""
        for secret in self._secrets:
            text = text.replace(secret, MASK)
        return text

    def mask_fields(self, fields: Dict[str, object]) -> Dict[str, object]:
        """A JSON object without the secrets, in all strings inside it."""
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


# re compiles these on first use: compiling them at the start of every pilot would take as long as
# importing this module
_QUERY = (
    r"(?i)[?&](?:access_token|api_?key|auth|authz|key|passw(?:or)?d|secret|sig|signature|token|x-amz-signature)="
    r"([^&#\s'\"]+)"
)
# characters that move a terminal's cursor or reverse a line: C0 without tab and newline, DEL, C1,
# bidirectional controls, line separators
_CONTROLS = "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]"


def printable(text: str) -> str:
    """Untrusted text for a terminal, with control characters as escape sequences."""
    if text.replace("\n", "").isprintable():
        return text
    return re.sub(
        _CONTROLS, lambda match: match.group().encode("unicode_escape").decode("ascii"), text
    )


def passwords(text: str) -> List[str]:
    """The passwords inside URLs, as in https://user:password@host/ and https://host/?token=..."""
    secrets: List[str] = re.findall(_QUERY, text) if "?" in text or "&" in text else []
    for part in text.split("://")[1:]:
        user, at, _ = part.split("/", 1)[0].rpartition("@")
        if at and ":" in user:
            secrets.append(user.split(":", 1)[1])
    return secrets


def format_lines(record: logging.LogRecord, masker: Masker) -> List[str]:
    """The lines of a record, each with a header."""
    text = record.getMessage()
    if record.exc_info:
        text += "\n" + logging.Formatter().formatException(record.exc_info)
    where = record.name.partition(".")[2] or "pilot"
    head = "%s %-7s %s: " % (utc(record.created), record.levelname, where)
    return [head + printable(line) for line in masker.mask_text(text).splitlines() or [""]]


class LineHandler(logging.Handler):
    """Writes complete lines directly to a descriptor, without a buffer, so that signal handlers can
    log, too."""

    def __init__(self, descriptor: int, masker: Masker) -> None:
        super().__init__()
        self.before = ""  # clears the terminal line while a progress bar is shown
        self._descriptor, self._masker = descriptor, masker

    def emit(self, record: logging.LogRecord) -> None:
        """Write a header before each line of the message; ignore a full or closed stream."""
        lines = "".join(line + "\n" for line in format_lines(record, self._masker))
        try:
            os.write(self._descriptor, (self.before + lines).encode("utf-8", "backslashreplace"))
        except OSError:
            pass


def set_up(masker: Masker, debug: bool, log_file: Optional[int]) -> List[LineHandler]:
    """Log to CONSOLE and, if `log_file` is a descriptor, everything to that file. Returns the
    handlers."""
    root = logging.getLogger("pilot")
    console = LineHandler(CONSOLE, masker)
    console.setLevel(logging.DEBUG if debug else logging.INFO)
    handlers = [console]
    if log_file is not None:
        handlers.append(LineHandler(log_file, masker))
    root.handlers[:] = list(handlers)
    root.setLevel(logging.DEBUG)
    root.propagate = False
    return handlers


def safe_streams() -> None:
    """Make stdin, stdout and stderr usable, even if the parent process closed them.

    A closed stream is opened on /dev/null, so that no other file gets descriptor 1. Characters that
    the encoding of a stream lacks are written as escape sequences.
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
    """Write to stdout or stderr. If that fails (full, closed, the reader ended), discard all later
    output; the exit code does not change."""
    stream = sys.stderr if error else sys.stdout
    try:
        stream.write(printable(text))
        stream.flush()
    except (OSError, ValueError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 2 if error else 1)
        os.close(null)

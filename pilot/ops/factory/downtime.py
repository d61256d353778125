"""Downtimes of a site: windows of UTC in which nothing is submitted there."""

import calendar
import os
import re
import time
from typing import Iterable, NamedTuple, Optional, Tuple

_FORMATS = ("%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%dT%H:%MZ", "%Y-%m-%dT%H:%M", "%Y-%m-%d")
EXAMPLE = "2026-12-01T08:00/2026-12-01T18:00"


class Window(NamedTuple):
    """From and until, in UNIX seconds."""

    begin: float
    end: float


def read_windows(text: str) -> Tuple[Window, ...]:
    """Windows BEGIN/END with commas between, in UTC; or the path of a file with a window per line.
    ValueError with a sentence."""
    text = text.strip()
    if text and os.path.isabs(text):
        try:
            with open(text, encoding="utf-8") as stream:
                lines = [line.partition("#")[0].strip() for line in stream]
        except (OSError, UnicodeDecodeError) as error:
            raise ValueError("%s cannot be read: %s" % (text, error))
        return tuple(_read_window(line) for line in lines if line)
    return tuple(_read_window(word.strip()) for word in text.split(",") if word.strip())


def _read_window(text: str) -> Window:
    begin, slash, end = text.partition("/")
    moments = [_read_moment(word.strip()) for word in (begin, end)]
    if not slash or moments[0] is None or moments[1] is None or moments[0] >= moments[1]:
        raise ValueError("%r is no window of UTC like %s" % (text, EXAMPLE))
    return Window(moments[0], moments[1])


def _read_moment(text: str) -> Optional[float]:
    for form in _FORMATS:
        # strptime accepts "2026-1-1" too, which a reader may mistake
        if re.match(r"\d{4}-\d\d-\d\d", text):
            try:
                return float(calendar.timegm(time.strptime(text, form)))
            except ValueError:
                continue
    return None


def current_window(windows: Iterable[Window], now: float) -> Optional[Window]:
    """The window that covers this moment (UNIX seconds)."""
    return next((one for one in windows if one.begin <= now < one.end), None)

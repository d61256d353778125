"""What an option is, and parsers of its text, which raise ValueError with a sentence."""

import os
from typing import Callable, Dict, Iterable, NamedTuple, Tuple

_TRUE = ("1", "true", "yes", "on", "y")
_FALSE = ("0", "false", "no", "off", "n", "")
_TIME_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_SIZE_UNITS = {"k": 1.0 / 1024, "m": 1, "g": 1024, "t": 1024 * 1024}


class Option(NamedTuple):
    """A value that operators may set.

    `min_disk_mb` is `--min-disk-mb` on the command line, `PILOT_MIN_DISK_MB` in the environment and
    `"min_disk_mb"` in pilot.json. `type` turns text into the value or raises ValueError with a
    sentence (pilot.values has the usual ones); with `values.boolean` the option is a switch. A
    `secret` never reaches a log, an argv or the report. `repeat` collects several into a tuple.
    """

    name: str
    help: str
    type: Callable[[str], object] = str
    default: object = None
    secret: bool = False
    flags: Tuple[str, ...] = ()
    repeat: bool = False


def boolean(text: str) -> bool:
    """true/false, yes/no, on/off, 1/0 in any case."""
    word = text.strip().lower()
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    raise ValueError("%r is neither true nor false" % text)


def count(text: str) -> int:
    """An integer, 0 or more."""
    try:
        number = int(text)
    except ValueError:
        raise ValueError("%r is not a whole number" % text) from None
    if number < 0:
        raise ValueError("%r is negative" % text)
    return number


def number(text: str) -> float:
    """A number above 0 that is finite."""
    number = _number(text.strip(), text, "a number above 0")
    if not number:
        raise ValueError("%r is not a number above 0" % text)
    return number


def name(text: str) -> str:
    """A name that is also good as a file's: letters, digits and ._:@+=-, at most 128."""
    if (
        not text[:1].isalnum()
        or len(text) > 128
        or not all(letter.isalnum() or letter in "._:@+=-" for letter in text)
    ):
        raise ValueError("%r is not a name of letters, digits and ._:@+=-, at most 128" % text)
    return text


def filled_name(text: str) -> str:
    """A name in which $VARIABLES of the environment are filled in."""
    return name(os.path.expandvars(text))


def seconds(text: str) -> float:
    """Seconds: 90, 1.5, 90s, 10m, 2h, 1d."""
    body, unit = text.strip().lower(), 1
    if body[-1:] in _TIME_UNITS:
        body, unit = body[:-1], _TIME_UNITS[body[-1]]
    number = _number(body, text, "a time in seconds (90, 10m, 2h)")
    return number * unit


def megabytes(text: str) -> int:
    """MiB: 2560, 2560M, 2G, 1T."""
    body, unit = text.strip().lower(), 1.0
    for tail in ("ib", "b"):
        if body.endswith(tail):
            body = body[: -len(tail)]
            break
    if body[-1:] in _SIZE_UNITS:
        body, unit = body[:-1], _SIZE_UNITS[body[-1]]
    return int(_number(body, text, "a size in MB (2560, 2G)") * unit)


def _number(body: str, text: str, what: str) -> float:
    try:
        number = float(body)
    except ValueError:
        raise ValueError("%r is not %s" % (text, what)) from None
    if not 0 <= number < float("inf"):
        raise ValueError("%r is not %s" % (text, what))
    return number


def words(text: str) -> Tuple[str, ...]:
    """A comma-separated list; blanks around the commas and empty items do not count."""
    return tuple(word.strip() for word in text.split(",") if word.strip())


def pairs(text: str) -> Dict[str, str]:
    """NAME=VALUE[,NAME=VALUE...]."""
    pairs = {}
    for item in words(text):
        key, equals, value = item.partition("=")
        if not equals or not key.strip():
            raise ValueError("%r is not NAME=VALUE" % item)
        pairs[key.strip()] = value.strip()
    return pairs


def assignment(text: str) -> Tuple[str, str]:
    """One NAME=VALUE; the value may hold commas and equals signs."""
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise ValueError("%r is not NAME=VALUE" % text)
    return key.strip(), value


def span(text: str) -> Tuple[float, float]:
    """A time, or a range of times: 600, 10m-15m."""
    first, dash, last = text.partition("-")
    ends = seconds(first), seconds(last if dash else first)
    if ends[0] > ends[1]:
        raise ValueError("%r is a range from more to less" % text)
    return ends


def event_place(text: str) -> str:
    """file:PATH, http(s)://HOST:PORT of a pool server, stomp[+ssl]://HOST:PORT/QUEUE of a message
    broker."""
    scheme, colon, rest = text.partition(":")
    if scheme in ("http", "https") and rest.strip("/"):
        return text
    if scheme in ("stomp", "stomp+ssl"):
        from pilot.base import stomp  # only for pilots that use it

        stomp.parse_url(text)
        return text
    if scheme == "file" and rest:
        return "file:" + (rest[2:] if rest.startswith("//") else rest)
    raise ValueError(
        "%r is no destination for events: use file:PATH, https://HOST:PORT or stomp+ssl://HOST:PORT/QUEUE"
        % text.split("@")[-1]
    )


def choice(*allowed: str) -> Callable[[str], str]:
    """A parser that takes one of these words."""

    def parse(text: str) -> str:
        if text not in allowed:
            raise ValueError("%r is not one of %s" % (text, ", ".join(allowed)))
        return text

    return parse


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """" (did you mean X?)" with the nearest known name, or nothing."""
    import difflib

    names = {name.lower(): name for name in known}
    close = difflib.get_close_matches(word.lower(), list(names), 1, 0.6)
    return " (did you mean %s?)" % names[close[0]] if close else ""

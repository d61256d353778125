"""Selects the log servers of DIRAC that get this pilot's log, and makes the lines for them."""

import logging
import os
import re
import select
import time
from typing import TYPE_CHECKING, Callable, Dict, List, NamedTuple, Tuple

from pilot.engine.settings import Settings
from pilot.errors import ConfigurationFailed
from pilot.events import event as events
from pilot.events.event import Event

from .options import setting_value

if TYPE_CHECKING:
    from pilot.events.sender import Transport  # loaded only by pilots that send their log

_LINE = re.compile(r"(\S+Z) (\w+)\s+([\w.]+): (.*)", re.S)
WORDS = {"CRITICAL": "ERROR"}
MakeTransport = Callable[[Settings, Dict[str, str], str], "Transport"]
STDIN_S, STDIN_IDLE_S, STDIN_BYTES = 3.0, 0.5, 1 << 20


class Line(NamedTuple):
    """One line of the log."""

    timestamp: str
    severity: str
    scope: str
    message: str

    def format_line(self) -> str:
        """2026-11-20T03:11:06.320Z INFO [CheckWorkerNode] message"""
        return "%s %s [%s] %s" % (self.timestamp, self.severity, self.scope, self.message)


def transports(settings: Settings, environ: Dict[str, str], pilot_id: str) -> List["Transport"]:
    """The engine's hook: the log servers that the settings name; [] when the settings exclude our
    computing element."""
    allowed = setting_value(settings, "remote_logger_ces_white_list")
    if allowed and settings["ce"] not in allowed:
        return []
    from .diracx import DiracX
    from .tornado import Tornado

    wanted: List[MakeTransport] = [Tornado] if setting_value(settings, "remote_logging") else []
    wanted += [DiracX] if setting_value(settings, "diracx_url") else []
    made: List["Transport"] = []
    for one in wanted:
        try:
            made.append(one(settings, environ, pilot_id))
        # an invalid address: the pilot runs without this log
        except (OSError, ValueError, ConfigurationFailed) as error:
            logging.getLogger("pilot").warning("the log is not sent: %s", error)
    return made


def lines_of(story: List[Event]) -> List[Line]:
    """The lines of the log among events."""
    return [
        parse_line(text) for one in story if one["event"] == events.LOG for text in one["lines"]
    ]


def parse_line(text: str) -> Line:
    """The parts of a line of our log."""
    match = _LINE.match(text)
    if not match:
        return Line(time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "INFO", "Pilot", text)
    stamp, level, name, message = match.groups()
    return Line(stamp, WORDS.get(level, level), "Pilot" if name == "pilot" else name, message)


def find_ending(story: List[Event]) -> Tuple[bool, int]:
    """Whether the pilot's end is among the events, and its exit code."""
    codes = [one["exit_code"] for one in story if one["event"] == events.PILOT_FINISHED]
    return bool(codes), codes[-1] if codes else 0


def read_wrapper_log(descriptor: int = 0) -> str:
    """The log that the wrapper wrote to our standard input. Reading stops when no data arrives for
    STDIN_IDLE_S seconds."""
    text, deadline = b"", time.monotonic() + STDIN_S
    try:
        if os.isatty(descriptor):
            return ""
        while len(text) < STDIN_BYTES and time.monotonic() < deadline:
            if not select.select([descriptor], [], [], STDIN_IDLE_S)[0]:
                break
            data = os.read(descriptor, 65536)
            if not data:
                break
            text += data
    except (OSError, ValueError):  # it is closed
        return ""
    return text.decode("utf-8", "replace")

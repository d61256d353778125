"""Asks a person at the terminal before each command, for --step."""

import signal
import sys
from typing import Optional, Type

from pilot.base import log
from pilot.command import Command
from pilot.errors import Stopped


def ask_to_run(command: Type[Command]) -> bool:
    """--step: Enter runs the command, s skips it, q stops the pilot."""
    text = "%s: %s\n  [Enter] run, s skip, q quit: " % (
        command.name,
        (command.__doc__ or "").strip().split("\n")[0],
    )
    log.say(text)
    line: Optional[str] = sys.stdin.readline()
    if not line or line.strip().lower() in ("q", "quit"):
        raise Stopped(signal.SIGINT)  # q at the prompt has the effect of ^C
    return line.strip().lower() not in ("s", "skip", "n", "no")

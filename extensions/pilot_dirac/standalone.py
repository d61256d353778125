"""A context for `PilotParams()`, which communities make in their own unit tests without our engine."""

import os
import sys
from typing import List, Tuple

from commands.launch_agent import LaunchAgent
from pilot.base.interrupts import Interrupts
from pilot.base.log import Masker
from pilot.command import Option
from pilot.context import Context
from pilot.engine import cli, registry, request, settings as layers
from pilot.errors import UsageError
from pilot.events.stream import Stream

from . import profile
from .dialect import dialect
from .options import TABLE

PILOT_ID = "unknown"  # DIRAC's pilot has this without --pilotUUID
EXECUTE: Tuple[Option, ...] = tuple(
    option for option in LaunchAgent.options if option.name == "execute"
)


def make_context() -> Context:
    """The settings of sys.argv, of PILOT_* variables and of the pilot.json here, in the working
    directory. UsageError for a command line that dirac-pilot.py does not have."""
    words: List[str] = list(sys.argv[1:])
    options, problems = registry.all_options(
        [], list(cli.ENGINE_OPTIONS) + list(TABLE.values()) + list(EXECUTE)
    )
    line = dialect(words, dict(os.environ), options)
    scan = cli.scan(line.words, options)
    sources = request.read_sources(scan, line.environ, os.getcwd(), profile.profile)
    own = [
        layers.environment_layer(options, line.environ),
        layers.Layer(layers.COMMAND_LINE, scan.values),
    ]
    settings, bad = layers.resolve(options, list(sources.lower) + own)
    if problems or scan.problems or bad:
        raise UsageError(*(problems + scan.problems + bad))
    masker = Masker()
    for secret in settings.secrets():
        masker.add(secret)
    pilot_id = settings["pilot_id"] or PILOT_ID
    stream = Stream(pilot_id, masker)
    return Context(
        settings, line.environ, os.getcwd(), pilot_id, stream, Interrupts(), masker
    )

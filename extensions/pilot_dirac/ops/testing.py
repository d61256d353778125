"""Runs one command of a community's module alone, in its own unit tests, with the recording client in
place of DIRAC."""

import os
import sys
from typing import NamedTuple, Optional, Sequence, Type

from pilot.engine import runner
from pilot.engine.report import CommandOutcome

from ..legacy import adopt_class
from ..params import PilotParams
from .client import Client


class ModuleTrial(NamedTuple):
    """How the command ended, the parameters that it left, and the client with its records."""

    outcome: CommandOutcome
    pp: PilotParams
    client: Client


def run_legacy(
    command: Type[object], folder: str, words: Sequence[str] = (), client: Optional[Client] = None
) -> ModuleTrial:
    """Run a command class as the pilot would, with dirac-pilot.py's words and this folder as the
    working directory. Its programs are those of `client`; without one a new client is made in the
    folder's `client`. An exception of the command is in the outcome."""
    client = client or Client(os.path.join(folder, "client"))
    place, former, sys.argv[1:] = os.getcwd(), sys.argv[1:], list(words)
    os.chdir(folder)
    try:
        pp = PilotParams()
        pp.installEnv["PATH"] = client.bin + os.pathsep + pp.installEnv.get("PATH", "")
        pp.installEnv["DIRAC"] = client.folder
        pp.context.shared(PilotParams, lambda: pp)
        adopted = adopt_class(command)
        limit_s = adopted.timeout_s or runner.DEFAULT_LIMIT_S
        return ModuleTrial(runner.run_command(adopted, pp.context, limit_s), pp, client)
    finally:
        sys.argv[1:] = former
        os.chdir(place)

"""What communities' modules change in `pp.commands` while the pilot runs: a name that they add is run after
the command before it in the list, and one that they remove is left out."""

from typing import Dict, List, Type

from pilot.command import Command
from pilot.engine import runner
from pilot.errors import ConfigurationFailed, PilotError, Skip

from .params import PilotParams

# every command that a list may name: ours, and those of the modules that were loaded
KNOWN: Dict[str, Type[Command]] = {}


def refuse_removed(pp: PilotParams, name: str) -> None:
    """Raise Skip for a command of the plan that a module has taken out of `pp.commands`."""
    if name in pp.planned and name not in pp.commands:
        raise Skip("a module has removed it from pp.commands")


def find_added(planned: List[str], commands: List[str], name: str) -> List[str]:
    """The names that were added after this one, up to the next one that was planned."""
    added: List[str] = []
    after = commands[commands.index(name) + 1 :] if name in commands else []
    for one in after:
        if one in planned:
            break
        added.append(one)
    return added


def run_added(pp: PilotParams, name: str) -> None:
    """Run what modules have added after this command. A failure of one of them ends the pilot with
    its exit code; ConfigurationFailed for a name that no command has."""
    added = find_added(pp.planned, pp.commands, name)
    pp.planned += added  # each is run here alone, not again after the one before it
    for one in added:
        command = KNOWN.get(one)
        if command is None:
            raise ConfigurationFailed("a module has added %r to pp.commands: no command has this name" % one)
        outcome = runner.run_command(command, pp.context, command.timeout_s or runner.DEFAULT_LIMIT_S)
        if outcome.exit_code:
            failure = PilotError("%s, which a module has added, %s: %s" % (
                one, outcome.status, outcome.reason))
            failure.exit_code = outcome.exit_code
            raise failure

"""Command and Option: the interface for the author of an extension."""

import logging
from typing import TYPE_CHECKING, Optional, Sequence, Tuple, Type

from pilot.errors import ConfigurationFailed, PilotError
from pilot.node.deadline import RESERVE_S
from pilot.values import Option

if TYPE_CHECKING:
    from pilot.context import Context
    from pilot.engine.settings import Settings


__all__ = ["Command", "Option"]


class Command:
    """One step of a pilot's life, named in -X. A command's docstring is its help."""

    name = ""
    options: Tuple[Option, ...] = ()
    requires: Tuple[type, ...] = ()  # kinds of fact it reads
    provides: Tuple[type, ...] = ()  # kinds of fact it returns, in this order
    # modules that run() imports itself: the engine loads them before the first command
    uses: Tuple[str, ...] = ()
    timeout_s: Optional[float] = None  # the engine's limit; --time-limits sets it per command
    failure: Type[PilotError] = ConfigurationFailed  # the error of a run over the limit

    def __init__(self) -> None:
        self.log = logging.getLogger("pilot." + self.name)

    @classmethod
    def ending_s(cls, settings: "Settings") -> float:
        """How many seconds before the slot's end the engine ends a run, so that the pilot is done
        in time."""
        return RESERVE_S

    @classmethod
    def check(cls, settings: "Settings") -> Sequence[str]:
        """A sentence for each invalid setting, reported before anything runs."""
        return ()

    def run(self, ctx: "Context") -> Tuple[object, ...]:
        """Do the step; raise PilotError to end the pilot, Skip to pass."""
        raise NotImplementedError(type(self).__name__ + ".run")

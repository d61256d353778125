"""Command and Option: all that the author of an extension must read."""

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
    # modules that run() imports itself: loaded before the first command, in time
    uses: Tuple[str, ...] = ()
    timeout_s: Optional[float] = None  # the engine's limit; --time-limits sets it per command
    failure: Type[PilotError] = ConfigurationFailed  # what a run over the limit is

    def __init__(self) -> None:
        self.log = logging.getLogger("pilot." + self.name)

    @classmethod
    def ending_s(cls, settings: "Settings") -> float:
        """So many seconds before the slot's end a run is ended, for all of it to be over in
        time."""
        return RESERVE_S

    @classmethod
    def check(cls, settings: "Settings") -> Sequence[str]:
        """A sentence for each setting that makes no sense here, told before anything runs."""
        return ()

    def run(self, ctx: "Context") -> Tuple[object, ...]:
        """Do the step; raise PilotError to end the pilot, Skip to pass."""
        raise NotImplementedError(type(self).__name__ + ".run")

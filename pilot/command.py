"""Command and Option: all that the author of an extension must read."""

import logging
from typing import TYPE_CHECKING, Any, Callable, NamedTuple, Optional, Sequence, Tuple, Type

from pilot.errors import ConfigurationFailed, PilotError
from pilot.node.deadline import RESERVE_S

if TYPE_CHECKING:
    from pilot.context import Context
    from pilot.engine.settings import Settings


class Option(NamedTuple):
    """A value that operators may set.

    `min_disk_mb` is `--min-disk-mb` on the command line, `PILOT_MIN_DISK_MB` in the environment and
    `"min_disk_mb"` in pilot.json. `type` turns text into the value or raises ValueError with a
    sentence (pilot.values has the usual ones); with `values.boolean` the option is a switch. A
    `secret` never reaches a log, an argv or the report. `repeat` collects several into a tuple.
    """

    name: str
    help: str
    type: Callable[[str], Any] = str
    default: Any = None
    secret: bool = False
    flags: Tuple[str, ...] = ()
    repeat: bool = False


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
    replaces = False  # whether it may bear the name of a command that it is no kind of

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

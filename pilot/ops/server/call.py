"""One checked request as its handler sees it."""

from typing import Any, Dict, NamedTuple

from pilot.ops.server.tokens import Identity
from pilot.ops.server.wire import BadRequest


class Call(NamedTuple):
    """Who asks for what: `at` holds what the address names, `given` the checked fields, `token`
    what was shown, `came` when."""

    server: Any
    who: Identity
    at: Dict[str, str]
    given: Dict[str, Any]
    token: str
    came: float  # monotonic

    def own(self, pilot: str) -> str:
        """This pilot's id, if who asks may act for it: a pilot only for itself. BadRequest 403
        else."""
        if self.who.role == "pilot" and pilot != self.who.name:
            raise BadRequest(
                403, "the token is pilot %s's: it may not act for %s" % (self.who.name, pilot)
            )
        return pilot

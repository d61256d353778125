"""One checked request as its handler sees it."""

from typing import Any, Dict, NamedTuple

from pilot.ops.server.services import Services
from pilot.ops.server.tokens import Identity
from pilot.ops.server.wire import BadRequest


class Call(NamedTuple):
    """Who asks for what: `at` holds the names in the address, `given` the checked fields, `token`
    the token of the request, `came` the time of its arrival."""

    services: Services
    who: Identity
    at: Dict[str, str]
    given: Dict[str, Any]  # each value has the type that its shape has checked
    token: str
    came: float  # monotonic

    def check_owner(self, pilot: str) -> str:
        """This pilot's id, if the caller may act for it: a pilot only for itself. BadRequest 403
        otherwise."""
        if self.who.role == "pilot" and pilot != self.who.name:
            raise BadRequest(
                403, "the token is pilot %s's: it may not act for %s" % (self.who.name, pilot)
            )
        return pilot

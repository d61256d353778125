"""One checked request in the form that its handler receives."""

from typing import Any, Dict, NamedTuple

from pilot.ops.server.services import Services
from pilot.ops.server.tokens import Identity
from pilot.ops.server.wire import BadRequest


class Call(NamedTuple):
    """A request and its sender: `at` contains the names in the address, `given` the checked fields,
    `token` the token of the request, `came` the time of its arrival."""

    services: Services
    who: Identity
    at: Dict[str, str]
    given: Dict[str, Any]  # the shape of each field has checked the type of its value
    token: str
    came: float  # monotonic clock

    def check_owner(self, pilot: str) -> str:
        """Return this pilot id if the caller may act for this pilot. A pilot may act only for
        itself. BadRequest 403 otherwise."""
        if self.who.role == "pilot" and pilot != self.who.name:
            raise BadRequest(
                403, "the token is pilot %s's: it may not act for %s" % (self.who.name, pilot)
            )
        return pilot

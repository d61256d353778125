"""A route of the API: its address, its method, the roles that may use it, its fields and its
handler."""

from typing import Callable, NamedTuple, Optional, Tuple

from pilot.ops.server import shape
from pilot.ops.server.call import Call
from pilot.ops.server.shape import Shapes
from pilot.ops.server.wire import Answer

ANYBODY: Tuple[str, ...] = ()
READERS = ("reader", "factory", "admin", "pilot")
LOOKERS = ("reader", "factory", "admin")
WORKERS = ("pilot", "factory", "admin")
MEGABYTE = 1 << 20
PILOT_ID = shape.text_of(128)
PAGE: Shapes = {
    "limit": shape.integer_from(1, 1000).optional(100),
    "after": shape.text_of(300).optional(),
}


class Route(NamedTuple):
    """One route. `how` says where the handler runs: "now": at once; "write": within a transaction
    of the pool; "story": within a transaction of the stories; "wait": within a transaction of the
    pool, and again until there is work; "read": in the thread of the reader, from a snapshot."""

    method: str
    path: str
    roles: Tuple[str, ...]
    how: str
    run: Callable[[Call], Optional[Answer]]
    fields: Shapes
    says: str
    limit: int = MEGABYTE

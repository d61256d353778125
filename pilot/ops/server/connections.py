"""State that all connections of a server share: the open connections, the number of connections per
address, and counters."""

import time
from typing import TYPE_CHECKING, Dict, Set

from pilot.ops.server.buffer_budget import BufferBudget
from pilot.ops.server.head_cache import HeadCache
from pilot.ops.server.refusals import RefusalCounter

if TYPE_CHECKING:
    from pilot.ops.server.connection import Connection

MAX_CONNECTIONS = 12000
MAX_STRANGERS = 1000  # connections without a valid token from one address


class Connections:
    """The open connections, and the accepted connections whose TLS handshake is not complete."""

    def __init__(self, max_connections: int = MAX_CONNECTIONS) -> None:
        self.max_connections = max_connections
        self.open: Set[Connection] = set()
        self.arriving = 0  # accepted, but `Connection.connection_made` has not run yet
        # number of connections without a valid token, by address
        self.strangers: Dict[str, int] = {}
        self.closing = False
        self.requests = 0
        self.budget = BufferBudget()
        self.refusals = RefusalCounter()
        self.heads = HeadCache()

    def is_full(self) -> bool:
        """Return whether the server has reached its limit of connections."""
        return len(self.open) + self.arriving >= self.max_connections

    def is_crowded(self, peer: str) -> bool:
        """Return whether this address has reached its limit of connections without a token."""
        return self.strangers.get(peer, 0) >= min(MAX_STRANGERS, self.max_connections)

    def begin_arrival(self, peer: str) -> None:
        """Count an accepted connection from this address."""
        self.arriving += 1
        self.add_stranger(peer)

    def end_arrival(self, peer: str) -> None:
        """The accepted connection has failed, or counts as open from now on."""
        self.arriving -= 1
        self.remove_stranger(peer)

    def add_stranger(self, peer: str) -> None:
        """Count a connection from this address that has sent no valid token."""
        self.strangers[peer] = self.strangers.get(peer, 0) + 1

    def remove_stranger(self, peer: str) -> None:
        """Stop counting one connection from this address that has sent no valid token."""
        left = self.strangers.pop(peer, 1) - 1
        if left > 0:
            self.strangers[peer] = left

    def end_overdue(self) -> None:
        """Runs once a second: end the connections that are past their deadline."""
        now = time.monotonic()
        for connection in [
            one for one in self.open if one.deadline is not None and one.deadline < now
        ]:
            connection.end_late()

    def close(self) -> None:
        """Accept no more requests. Close idle connections now and the others after their answer."""
        self.closing = True
        for connection in list(self.open):
            connection.close_idle()

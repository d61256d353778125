"""What all connections of a server share: which are open, how many one address has, counters."""

import time
from typing import TYPE_CHECKING, Dict, Set

from pilot.ops.server.buffer_budget import BufferBudget
from pilot.ops.server.head_cache import HeadCache
from pilot.ops.server.refusals import RefusalCounter

if TYPE_CHECKING:
    from pilot.ops.server.connection import Connection

MAX_CONNECTIONS = 12000
MAX_STRANGERS = 1000  # connections of one address that have shown no token


class Connections:
    """The open connections, and those that are accepted but whose TLS handshake is not over."""

    def __init__(self, max_connections: int = MAX_CONNECTIONS) -> None:
        self.max_connections = max_connections
        self.open: Set[Connection] = set()
        self.arriving = 0  # accepted, before `Connection.connection_made`
        self.strangers: Dict[str, int] = {}  # by address: connections that have shown no token
        self.closing = False
        self.requests = 0
        self.budget = BufferBudget()
        self.refusals = RefusalCounter()
        self.heads = HeadCache()

    def is_full(self) -> bool:
        """Whether the server is at its limit of connections."""
        return len(self.open) + self.arriving >= self.max_connections

    def is_crowded(self, peer: str) -> bool:
        """Whether this address has as many connections without a token as one address may have."""
        return self.strangers.get(peer, 0) >= min(MAX_STRANGERS, self.max_connections)

    def begin_arrival(self, peer: str) -> None:
        """Count a connection of this address that was accepted."""
        self.arriving += 1
        self.add_stranger(peer)

    def end_arrival(self, peer: str) -> None:
        """The accepted connection now counts itself as open, or it has failed."""
        self.arriving -= 1
        self.remove_stranger(peer)

    def add_stranger(self, peer: str) -> None:
        """Count a connection of this address that has shown no token."""
        self.strangers[peer] = self.strangers.get(peer, 0) + 1

    def remove_stranger(self, peer: str) -> None:
        """Stop counting one connection of this address that has shown no token."""
        left = self.strangers.pop(peer, 1) - 1
        if left > 0:
            self.strangers[peer] = left

    def end_overdue(self) -> None:
        """Once a second: end the connections that are past their deadline."""
        now = time.monotonic()
        for connection in [
            one for one in self.open if one.deadline is not None and one.deadline < now
        ]:
            connection.end_late()

    def close(self) -> None:
        """Take no more requests: close idle connections now, the others after their answer."""
        self.closing = True
        for connection in list(self.open):
            connection.close_idle()

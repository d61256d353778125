"""Caches parsed request heads, because clients send the same head again and again."""

from typing import Dict

from pilot.ops.server import wire
from pilot.ops.server.wire import Head

MAX_HEADS = 4096


class HeadCache:
    """Parses each different head once. Stores at most MAX_HEADS heads."""

    def __init__(self) -> None:
        self._heads: Dict[bytes, Head] = {}

    def parse_head(self, data: bytes) -> Head:
        """Return the parsed head. Raises BadRequest."""
        head = self._heads.get(data)
        if head is None:
            head = wire.parse_head(data)
            if len(self._heads) >= MAX_HEADS:
                self._heads.clear()
            self._heads[data] = head
        return head

"""Limits the memory for unfinished request bodies: in total and for each pilot."""

from typing import Dict

MAX_BUFFERED = 256 << 20  # bytes of the unfinished bodies of all connections together
OWN_BYTES = 4 << 20  # bytes of the unfinished bodies of one pilot


class BufferBudget:
    """Counts the bytes of unfinished bodies. The pilot "" stands for all clients that are not
    pilots."""

    def __init__(self) -> None:
        self.total = 0
        self.by_pilot: Dict[str, int] = {}

    def reserve_bytes(self, pilot: str, size: int) -> bool:
        """Count these bytes and return whether the total is within the limits. In both cases they
        count until `release_bytes`."""
        self.total += size
        own = self.by_pilot.get(pilot, 0) + size
        if pilot:
            self.by_pilot[pilot] = own
        return self.total <= MAX_BUFFERED and (not pilot or own <= OWN_BYTES)

    def release_bytes(self, pilot: str, size: int) -> None:
        """Stop counting these bytes."""
        self.total -= size
        left = self.by_pilot.pop(pilot, 0) - size
        if left > 0:
            self.by_pilot[pilot] = left

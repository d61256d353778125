"""Counts refused requests and describes the new ones for the log."""

from typing import Dict


class RefusalCounter:
    """Counts refusals by HTTP status and stores the last one."""

    def __init__(self) -> None:
        self.by_status: Dict[int, int] = {}
        self._last_peer, self._last_body = "", b""
        self._described: Dict[int, int] = {}

    def count_refusal(self, status: int, peer: str, body: bytes) -> None:
        """Count the refusal of one request from this address."""
        self.by_status[status] = self.by_status.get(status, 0) + 1
        self._last_peer, self._last_body = peer, body[:300]

    def describe_new(self) -> str:
        """Describe the refusals since the last call in one sentence; "" if there are none."""
        new = {
            status: count - self._described.get(status, 0)
            for status, count in self.by_status.items()
            if count > self._described.get(status, 0)
        }
        self._described = dict(self.by_status)
        if not new:
            return ""
        counts = ", ".join("%d times HTTP %d" % (new[status], status) for status in sorted(new))
        return "requests refused: %s; the last one, from %s: %s" % (
            counts,
            self._last_peer,
            self._last_body.decode("utf-8", "replace"),
        )

"""Collects the bytes that one client sent and cuts them into requests. Pure: the caller reads and
writes the socket."""

from typing import Callable, List, Optional, Tuple

from pilot.ops.server import wire
from pilot.ops.server.wire import Head


class RequestBuffer:
    """Collects chunks until the next request is complete. `head` is the head of that request."""

    def __init__(self, parse_head: Callable[[bytes], Head]) -> None:
        self._parse_head = parse_head
        self._chunks: List[bytes] = []
        self._head_size = 0
        self.size = 0  # total size of all chunks
        self.needed = 0  # size of the next request; 0 until the buffer has parsed its head
        self.head: Optional[Head] = None

    def append_data(self, data: bytes) -> None:
        """Add bytes that the client sent."""
        self._chunks.append(data)
        self.size += len(data)

    def read_head(self) -> Optional[Head]:
        """Parse the head of the next request. Return None if it has not arrived yet. Raises
        BadRequest."""
        data = self._join_chunks()
        end = wire.find_head(data)
        if end is None:
            return None
        self.head, self._head_size = self._parse_head(bytes(data[:end])), end + 4
        self.needed = self._head_size + self.head.length
        return self.head

    def is_complete(self) -> bool:
        """Return whether all bytes of the next request have arrived, as far as its size is
        known."""
        return self.size >= self.needed

    def is_overfull(self) -> bool:
        """Return whether the buffer has more bytes than the next request needs."""
        return self.size > max(self.needed, wire.MAX_HEAD)

    def take_request(self, head: Head) -> Tuple[Head, bytes]:
        """Remove the complete request that begins with this head. Return its head and its body."""
        data = self._join_chunks()
        body, rest = data[self._head_size:self.needed], data[self.needed:]
        self.head, self.needed, self.size = None, 0, len(rest)
        self._chunks = [rest] if rest else []
        return head, body

    def clear_data(self) -> None:
        """Drop all bytes."""
        self.size, self._chunks = 0, []

    def _join_chunks(self) -> bytes:
        data = self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)
        self._chunks = [data] if data else []
        return data

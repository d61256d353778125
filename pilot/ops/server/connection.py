"""One client's connection: bytes in, one request at a time, its answer out. Everything about it is
bounded."""

import asyncio
import socket
import time
from typing import Any, Callable, Dict, List, Optional, Set

from pilot.ops.server import wire
from pilot.ops.server.wire import Answer, BadRequest, Head

MAX_CONNECTIONS = 12000
MAX_BUFFERED = 256 << 20  # bytes of unfinished bodies, of all connections together
IDLE_S, STRANGER_S = 150.0, 15.0  # between requests; of who has shown no token
MAX_STRANGERS = 1000  # connections of one address that have shown no token
OWN_BYTES = 4 << 20  # bytes of unfinished bodies of one pilot
HEAD_S, BODY_S = 15.0, 120.0  # for a head, and for a body, to come
LINGER_S = 2.0  # how long a client that was refused may go on sending
WRITE_S = 60.0  # for a client to read an answer
MAX_HEADS = 4096  # parsed heads to keep: clients send the same again and again
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"

Handle = Callable[["Connection", Head, bytes], None]
Limit = Callable[["Connection", Head], int]


class Connections:
    """What all connections share: who serves, what is open, how much is in memory."""

    def __init__(
        self, handle: Handle, limit: Limit, max_connections: int = MAX_CONNECTIONS
    ) -> None:
        self.handle, self.limit, self.max_connections = handle, limit, max_connections
        self.open: Set[Connection] = set()
        self.arriving = 0  # accepted, and not yet greeted
        self.strangers: Dict[str, int] = {}  # by address: connections that have shown no token
        self.buffered = 0
        self.buffered_of: Dict[str, int] = {}  # by pilot
        self.closing = False
        self.requests = 0
        self.refused: Dict[int, int] = {}
        self.last_refusal = ("", b"")
        self._told: Dict[int, int] = {}
        self._heads: Dict[bytes, Head] = {}

    def is_full(self) -> bool:
        """Whether nobody more can be let in now."""
        return len(self.open) + self.arriving >= self.max_connections

    def is_crowded(self, peer: str) -> bool:
        """Whether this address has as many connections without a token as it may have."""
        return self.strangers.get(peer, 0) >= min(MAX_STRANGERS, self.max_connections)

    def arrive(self, peer: str) -> None:
        """A connection of this address was accepted."""
        self.arriving += 1
        self.strangers[peer] = self.strangers.get(peer, 0) + 1

    def arrived(self, peer: str) -> None:
        """It speaks for itself now, or has gone."""
        self.arriving -= 1
        self.forget_stranger(peer)

    def forget_stranger(self, peer: str) -> None:
        """One connection less of this address that has shown no token."""
        left = self.strangers.pop(peer, 1) - 1
        if left > 0:
            self.strangers[peer] = left

    def refuse(self, status: int, peer: str, body: bytes) -> None:
        """Count it; the last one is kept for the log."""
        self.refused[status] = self.refused.get(status, 0) + 1
        self.last_refusal = (peer, body[:300])

    def news(self) -> str:
        """What was refused since this was asked last, in a sentence; "" for nothing."""
        new = {
            status: count - self._told.get(status, 0)
            for status, count in self.refused.items()
            if count > self._told.get(status, 0)
        }
        self._told = dict(self.refused)
        if not new:
            return ""
        counts = ", ".join("%d times HTTP %d" % (new[status], status) for status in sorted(new))
        return "refused lately: %s; the last, from %s: %s" % (
            counts,
            self.last_refusal[0],
            self.last_refusal[1].decode("utf-8", "replace"),
        )

    def head(self, data: bytes) -> Head:
        """A head, parsed once for all that are the same."""
        found = self._heads.get(data)
        if found is None:
            found = wire.parse_head(data)
            if len(self._heads) >= MAX_HEADS:
                self._heads.clear()
            self._heads[data] = found
        return found

    def sweep(self) -> None:
        """Once a second: connections that are late are closed."""
        now = time.monotonic()
        for connection in [
            one for one in self.open if one.deadline is not None and one.deadline < now
        ]:
            connection.late()

    def close(self) -> None:
        """No more requests: idle connections go now, the others with their answer."""
        self.closing = True
        for connection in list(self.open):
            connection.finish()


class Connection(asyncio.Protocol):
    """asyncio's protocol: buffers, cuts requests out, hands them to the house, writes the
    answers."""

    def __init__(self, house: Connections, loop: asyncio.AbstractEventLoop) -> None:
        self.house, self._loop = house, loop
        self.deadline: Optional[float] = None
        # told when the client goes while its request is served
        self.on_lost: Optional[Callable[[], None]] = None
        self.peer = ""
        self.who = ""  # the pilot whose token was shown last; "" for others
        self.trusted = False  # whether a good token was shown, or none is needed
        # what the house found in the head of the request whose body is awaited
        self.admitted: Any = None
        self._transport: Any = None
        self._chunks: List[bytes] = []
        self._size = self._needed = self._counted = 0
        self._head: Optional[Head] = None
        self._head_size = 0
        self._busy = False
        self._paused = self._clogged = self._deaf = False

    def connection_made(self, transport: Any) -> None:
        """asyncio: a client is there."""
        self._transport = transport
        peer = transport.get_extra_info("peername")
        plain = transport.get_extra_info("socket")
        if isinstance(peer, tuple) and plain is not None:
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # asyncio of 3.6 does not
        self.peer = str(peer[0]) if isinstance(peer, tuple) else "local"
        self.house.open.add(self)
        self.house.strangers[self.peer] = self.house.strangers.get(self.peer, 0) + 1
        self.deadline = time.monotonic() + HEAD_S

    def trust(self, who: str) -> None:
        """A good token was shown on this connection: a pilot's (its id), or another's ("")."""
        self.who = who
        if not self.trusted:
            self.trusted = True
            self.house.forget_stranger(self.peer)

    def _close_soon(self, seconds: float) -> None:
        """Let go of the client; one that does not agree (TLS) is cut off after so long."""
        self.deadline = time.monotonic() + seconds
        self._transport.close()

    def connection_lost(self, error: Optional[Exception]) -> None:
        """asyncio: it is gone."""
        self.house.open.discard(self)
        if not self.trusted:
            self.house.forget_stranger(self.peer)
        self._drop_client()
        if self.on_lost is not None:
            self.on_lost()
            self.on_lost = None

    def data_received(self, data: bytes) -> None:
        """asyncio: bytes came."""
        if self._deaf:
            return
        self._chunks.append(data)
        self._size += len(data)
        if self._head is not None and not self._count_bytes(len(data)):
            return
        if not self._busy and self._size >= self._needed:
            self._advance_request()
        if self._size > max(self._needed, wire.MAX_HEAD) and not self._paused and not self._deaf:
            self._paused = True  # more than can be dealt with now: let the kernel hold the rest
            self._transport.pause_reading()

    def pause_writing(self) -> None:
        """asyncio: the client does not read its answers."""
        self._clogged = True

    def resume_writing(self) -> None:
        """asyncio: it does again."""
        self._clogged = False
        self._resume_reading()
        self._advance_request()

    def _resume_reading(self) -> None:
        if self._paused and not self._clogged and self._size <= max(self._needed, wire.MAX_HEAD):
            self._paused = False
            self._transport.resume_reading()

    def _advance_request(self) -> None:
        if (
            self._busy
            or self._clogged
            or not self._size
            or self._size < self._needed
            or self._transport.is_closing()
        ):
            return
        try:
            self._cut_request()
        except BadRequest as error:
            self._refuse_request(error.status, str(error))

    def _cut_request(self) -> None:
        """Hand the next whole request on, if it is there."""
        data = self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)
        self._chunks = [data] if data else []
        if self._head is None:
            at = wire.find_head(data)
            if at is None:
                return
            self._head, self._head_size = self.house.head(bytes(data[:at])), at + 4
            self._check_head(self._head)
        self._needed = self._head_size + self._head.length
        if self._size < self._needed:
            self.deadline = time.monotonic() + BODY_S
            self._resume_reading()
            if not self._counted:
                self._count_bytes(self._size)
            return
        head, body, rest = self._head, data[self._head_size:self._needed], data[self._needed:]
        self._release_bytes()
        self._head, self._needed, self._size, self._chunks = (
            None,
            0,
            len(rest),
            [rest] if rest else [],
        )
        self._busy, self.deadline = True, None
        self.house.requests += 1
        self._resume_reading()
        self.house.handle(self, head, body)

    def _check_head(self, head: Head) -> None:
        limit = self.house.limit(self, head)
        if head.length > limit:
            raise BadRequest(413, "the body has %d bytes, here %d are taken" % (head.length, limit))
        if head.expects_continue and self._size - self._head_size < head.length:
            self._transport.write(CONTINUE)

    def respond(self, head: Head, answer: Answer) -> None:
        """The answer to the request that was handed on."""
        self.on_lost = None
        if self._transport.is_closing():
            return
        keep = head.keep_alive and not self.house.closing
        if answer.status >= 400:
            self.house.refuse(answer.status, self.peer, answer.body)
        self._transport.write(wire.render_answer(answer, keep, head.method == "HEAD"))
        self._busy = False
        if not keep:
            self._close_soon(WRITE_S)
            return
        slow = self._transport.get_write_buffer_size() > 0
        self.deadline = time.monotonic() + (
            WRITE_S if slow else IDLE_S if self.trusted else STRANGER_S
        )
        self._resume_reading()
        if self._size:
            # not at once: many requests in one packet would nest
            self._loop.call_soon(self._advance_request)

    def late(self) -> None:
        """The client took too long."""
        if (
            not self._deaf
            and self._size
            and not self._busy
            and not self._transport.get_write_buffer_size()
        ):
            self._refuse_request(408, "the request did not come in time")
        else:
            self._transport.abort()

    def finish(self) -> None:
        """The server ends: nothing is taken any more."""
        if not self._busy:
            self._transport.close()

    def _refuse_request(self, status: int, sentence: str) -> None:
        answer = wire.answer_error(status, sentence, wire.WHO_ARE_YOU if status == 401 else "")
        self.house.refuse(status, self.peer, answer.body)
        self._transport.write(wire.render_answer(answer, False))
        self._busy = self._deaf = True
        self._drop_client()
        if not self._transport.can_write_eof():  # TLS
            self._close_soon(LINGER_S)
            return
        self.deadline = time.monotonic() + LINGER_S
        try:
            # closed at once, with bytes unread, the client might never see why
            self._transport.write_eof()
        except OSError:  # it has gone
            self._transport.abort()

    def _count_bytes(self, size: int) -> bool:
        """So much of an unfinished body is in memory; no more than there is room for in all."""
        self._counted += size
        self.house.buffered += size
        own = self.house.buffered_of.get(self.who, 0) + size
        if self.who:
            self.house.buffered_of[self.who] = own
        if self.house.buffered <= MAX_BUFFERED and (not self.who or own <= OWN_BYTES):
            return True
        self._refuse_request(503, "too much is under way: try again")
        return False

    def _release_bytes(self) -> None:
        if not self._counted:
            return
        self.house.buffered -= self._counted
        left = self.house.buffered_of.pop(self.who, 0) - self._counted
        if left > 0:
            self.house.buffered_of[self.who] = left
        self._counted = 0

    def _drop_client(self) -> None:
        self._release_bytes()
        self._size, self._chunks = 0, []

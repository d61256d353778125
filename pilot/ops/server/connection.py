"""The connection of one client. It reads bytes, passes one request at a time to the handler and
writes the answer. All times and sizes have limits."""

import asyncio
import enum
import socket
import time
from typing import Callable, NamedTuple, Optional

from pilot.ops.server import wire
from pilot.ops.server.connections import Connections
from pilot.ops.server.request_buffer import RequestBuffer
from pilot.ops.server.wire import Answer, BadRequest, Head

# time between requests; the second value is for a client without a valid token
IDLE_S, STRANGER_S = 150.0, 15.0
HEAD_S, BODY_S = 15.0, 120.0  # time for a head and for a body to arrive
LINGER_S = 2.0  # how long a refused client may continue to send
WRITE_S = 60.0  # time for a client to read an answer
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Handler:
    """Handles the requests of connections."""

    def limit_body(self, connection: "Connection", head: Head) -> int:
        """Return the maximum size of this request's body in bytes. Raises BadRequest."""
        raise NotImplementedError

    def handle_request(self, connection: "Connection", head: Head, body: bytes) -> None:
        """Handle a request: call `connection.respond` with its answer, now or later."""
        raise NotImplementedError


class Client(NamedTuple):
    """The client of a connection."""

    peer: str  # the network address
    pilot: str = ""  # the pilot of the newest valid token; "" for other clients
    trusted: bool = False  # whether the client sent a valid token or its address needs no token


class _State(enum.Enum):
    READING = "waits for a request"
    SERVING = "a request is being served"
    REFUSED = "the client was refused: what it sends is dropped"


class _Flow:
    """Which directions are blocked: the server has paused reading, or the client does not read
    answers."""

    def __init__(self) -> None:
        self.paused = self.clogged = False


class Connection(asyncio.Protocol):
    """The asyncio protocol for one client."""

    def __init__(
        self, connections: Connections, handler: Handler, loop: asyncio.AbstractEventLoop
    ) -> None:
        self._connections, self._handler, self._loop = connections, handler, loop
        self.deadline: Optional[float] = None
        # called if the client disconnects while the server handles its request
        self.on_lost: Optional[Callable[[], None]] = None
        # what `limit_body` reads from a head and `handle_request` needs after the body
        self.admitted: object = None
        self._client = Client("")
        self._transport: asyncio.Transport
        self._flow = _Flow()
        self._buffer = RequestBuffer(connections.heads.parse_head)
        self._reserved = 0  # bytes of an unfinished body that the budget counts for this connection
        self._state = _State.READING

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio: the client is connected."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        peer = transport.get_extra_info("peername")
        plain = transport.get_extra_info("socket")
        if isinstance(peer, tuple) and plain is not None:
            # asyncio of Python 3.6 does not set it
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._client = Client(str(peer[0]) if isinstance(peer, tuple) else "local")
        self._connections.open.add(self)
        self._connections.add_stranger(self._client.peer)
        self.deadline = time.monotonic() + HEAD_S

    def trust_client(self, pilot: str) -> None:
        """The client has sent a valid token: of this pilot, or of a client that is not a pilot
        ("")."""
        if not self._client.trusted:
            self._connections.remove_stranger(self._client.peer)
        self._client = self._client._replace(pilot=pilot, trusted=True)

    def _close_soon(self, seconds: float) -> None:
        """Close the connection. After this time, disconnect a client that has not confirmed the end
        of TLS."""
        self.deadline = time.monotonic() + seconds
        self._transport.close()

    def connection_lost(self, error: Optional[Exception]) -> None:
        """asyncio: the connection has ended."""
        self._connections.open.discard(self)
        if not self._client.trusted:
            self._connections.remove_stranger(self._client.peer)
        self._drop_data()
        if self.on_lost is not None:
            self.on_lost()
            self.on_lost = None

    def data_received(self, data: bytes) -> None:
        """asyncio: the client has sent bytes."""
        if self._state is _State.REFUSED:
            return
        self._buffer.append_data(data)
        if self._buffer.head is not None and not self._reserve_bytes(len(data)):
            return
        if self._buffer.is_complete():
            self._advance_request()
        if self._buffer.is_overfull() and not self._flow.paused and not self._is_refused():
            self._flow.paused = True  # from now on the kernel buffers what the client sends
            self._transport.pause_reading()

    def _is_refused(self) -> bool:
        return self._state is _State.REFUSED

    def pause_writing(self) -> None:
        """asyncio: the client does not read its answers."""
        self._flow.clogged = True

    def resume_writing(self) -> None:
        """asyncio: the client reads its answers again."""
        self._flow.clogged = False
        self._resume_reading()
        self._advance_request()

    def _resume_reading(self) -> None:
        if self._flow.paused and not self._flow.clogged and not self._buffer.is_overfull():
            self._flow.paused = False
            self._transport.resume_reading()

    def _advance_request(self) -> None:
        if (
            self._state is not _State.READING
            or self._flow.clogged
            or not self._buffer.size
            or not self._buffer.is_complete()
            or self._transport.is_closing()
        ):
            return
        try:
            self._hand_on_request()
        except BadRequest as error:
            self._refuse_request(error.status, str(error))

    def _hand_on_request(self) -> None:
        """Pass the next request to the handler if the request is complete. Raises BadRequest."""
        head = self._buffer.head
        if head is None:
            head = self._buffer.read_head()
            if head is None:
                return
            self._check_head(head)
        if not self._buffer.is_complete():
            self.deadline = time.monotonic() + BODY_S
            self._resume_reading()
            if not self._reserved:
                self._reserve_bytes(self._buffer.size)
            return
        head, body = self._buffer.take_request(head)
        self._release_bytes()
        self._state, self.deadline = _State.SERVING, None
        self._connections.requests += 1
        self._resume_reading()
        self._handler.handle_request(self, head, body)

    def _check_head(self, head: Head) -> None:
        limit = self._handler.limit_body(self, head)
        if head.length > limit:
            raise BadRequest(413, "the body has %d bytes, here at most %d are accepted" % (head.length, limit))
        if head.expects_continue and not self._buffer.is_complete():
            self._transport.write(CONTINUE)

    def respond(self, head: Head, answer: Answer) -> None:
        """Write the answer to the current request."""
        self.on_lost = None
        if self._transport.is_closing():
            return
        keep_alive = head.keep_alive and not self._connections.closing
        if answer.status >= 400:
            self._connections.refusals.count_refusal(
                answer.status, self._client.peer, answer.body
            )
        self._transport.write(wire.render_answer(answer, keep_alive, head.method == "HEAD"))
        self._state = _State.READING
        if not keep_alive:
            self._close_soon(WRITE_S)
            return
        slow = self._transport.get_write_buffer_size() > 0
        self.deadline = time.monotonic() + (
            WRITE_S if slow else IDLE_S if self._client.trusted else STRANGER_S
        )
        self._resume_reading()
        if self._buffer.size:
            # In the next turn of the loop: many requests in one packet would cause deep recursion.
            self._loop.call_soon(self._advance_request)

    def end_late(self) -> None:
        """End the connection because the client exceeded its time limit."""
        if (
            self._state is _State.READING
            and self._buffer.size
            and not self._transport.get_write_buffer_size()
        ):
            self._refuse_request(408, "the request did not come in time")
        else:
            self._transport.abort()

    def close_idle(self) -> None:
        """The server shuts down: close the connection unless it handles a request."""
        if self._state is _State.READING:
            self._transport.close()

    def _refuse_request(self, status: int, sentence: str) -> None:
        answer = wire.answer_error(status, sentence, wire.ASK_FOR_TOKEN if status == 401 else "")
        self._connections.refusals.count_refusal(status, self._client.peer, answer.body)
        self._transport.write(wire.render_answer(answer, False))
        self._state = _State.REFUSED
        self._drop_data()
        if not self._transport.can_write_eof():  # TLS
            self._close_soon(LINGER_S)
            return
        self.deadline = time.monotonic() + LINGER_S
        try:
            # if the server closes with unread bytes, the client may never receive the answer
            self._transport.write_eof()
        except OSError:  # the client has disconnected
            self._transport.abort()

    def _reserve_bytes(self, size: int) -> bool:
        """Count the bytes of an unfinished body. Refuse the request if they exceed the limits."""
        self._reserved += size
        if self._connections.budget.reserve_bytes(self._client.pilot, size):
            return True
        self._refuse_request(503, "too many unfinished requests: try again")
        return False

    def _release_bytes(self) -> None:
        if self._reserved:
            self._connections.budget.release_bytes(self._client.pilot, self._reserved)
            self._reserved = 0

    def _drop_data(self) -> None:
        self._release_bytes()
        self._buffer.clear_data()

"""Accepts connections up to the server's limit. Further clients wait in the kernel's queue, and the
server does not log a line for each of them."""

import asyncio
import errno
import logging
import socket
import ssl
from typing import Callable, List, Optional, Tuple

from pilot.ops.server.connection import STRANGER_S, Connection
from pilot.ops.server.connections import Connections

AT_ONCE = 64  # maximum number of connections to accept in one turn of the loop
PAUSE_S = 0.25  # pause after the server runs out of descriptors or connections
SHORT = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
log = logging.getLogger("pilot.pool")


class Door:
    """The listening sockets of one server."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        connections: Connections,
        make: Callable[[], Connection],
        context: Optional[ssl.SSLContext],
    ) -> None:
        self._loop, self._connections, self._make, self._context = loop, connections, make, context
        self._sockets: List[socket.socket] = []
        self._timer: Optional[asyncio.TimerHandle] = None

    def add_listener(self, listener: socket.socket) -> None:
        """Accept connections from this socket."""
        listener.setblocking(False)
        self._sockets.append(listener)
        self._loop.add_reader(listener.fileno(), self._accept_client, listener)

    def read_address(self) -> Tuple[str, int]:
        """Return host and port of the first socket."""
        host, port = self._sockets[0].getsockname()[:2]
        return host, port

    def close(self) -> None:
        """Stop accepting connections."""
        if self._timer is not None:
            self._timer.cancel()
        for listener in self._sockets:
            self._loop.remove_reader(listener.fileno())
            listener.close()
        self._sockets = []

    def _accept_client(self, listener: socket.socket) -> None:
        for _ in range(AT_ONCE):
            if self._connections.is_full():
                return self._pause_accepting()
            try:
                client, address = listener.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                if error.errno not in SHORT:
                    raise
                log.error("no more connections can be accepted: %s", error.strerror)
                return self._pause_accepting()
            peer = str(address[0]) if isinstance(address, tuple) else "local"
            if self._connections.is_crowded(peer):
                client.close()
                continue
            client.setblocking(False)
            self._connections.begin_arrival(peer)
            self._loop.create_task(self._greet_client(client, peer))

    async def _greet_client(self, client: socket.socket, peer: str) -> None:
        """Create the connection. It counts as arriving until the TLS handshake is complete."""
        try:
            await asyncio.wait_for(
                self._loop.connect_accepted_socket(self._make, client, ssl=self._context),
                STRANGER_S,
            )
        # the client does not support TLS, sends nothing, or has disconnected
        except (OSError, asyncio.TimeoutError):
            client.close()
        finally:
            self._connections.end_arrival(peer)

    def _pause_accepting(self) -> None:
        """Stop accepting for PAUSE_S; clients wait in the kernel's queue."""
        if self._timer is None:
            for listener in self._sockets:
                self._loop.remove_reader(listener.fileno())
            self._timer = self._loop.call_later(PAUSE_S, self._resume_accepting)

    def _resume_accepting(self) -> None:
        self._timer = None
        for listener in self._sockets:
            self._loop.add_reader(listener.fileno(), self._accept_client, listener)


def listen_on(host: str, port: int, backlog: int) -> List[socket.socket]:
    """Return listening sockets for every address of this host. OSError if one of them cannot
    listen."""
    sockets: List[socket.socket] = []
    try:
        for family, kind, protocol, _, address in socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        ):
            one = socket.socket(family, kind, protocol)
            sockets.append(one)
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            one.bind(
                address[:1]
                + (sockets[0].getsockname()[1] if port == 0 and len(sockets) > 1 else port,)
                + address[2:]
            )
            one.listen(backlog)
    except OSError:
        for one in sockets:
            one.close()
        raise
    return sockets

"""Accepts connections, and no more than can be served: at a limit the kernel's queue holds who
comes next, nobody is logged one by one."""

import asyncio
import errno
import logging
import socket
from typing import Any, Callable, List, Optional

from pilot.ops.server.connection import STRANGER_S, Connection, Connections

AT_ONCE = 64  # accepted in one turn of the loop
PAUSE_S = 0.25  # until the next try after the descriptors, or the limit, were used up
SHORT = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
log = logging.getLogger("pilot.pool")


class Door:
    """Listening sockets of one server."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        house: Connections,
        make: Callable[[], Connection],
        context: Any,
    ) -> None:
        self._loop, self._house, self._make, self._context = loop, house, make, context
        self._sockets: List[socket.socket] = []
        self._timer: Optional[asyncio.TimerHandle] = None

    def open(self, listener: socket.socket) -> None:
        """Accept from this socket from now on."""
        listener.setblocking(False)
        self._sockets.append(listener)
        self._loop.add_reader(listener.fileno(), self._accept_client, listener)

    def address(self) -> Any:
        """Where it listens."""
        return self._sockets[0].getsockname()

    def close(self) -> None:
        """Accept nobody any more."""
        if self._timer is not None:
            self._timer.cancel()
        for listener in self._sockets:
            self._loop.remove_reader(listener.fileno())
            listener.close()
        self._sockets = []

    def _accept_client(self, listener: socket.socket) -> None:
        for _ in range(AT_ONCE):
            if self._house.is_full():
                return self._pause_accepting()
            try:
                client, address = listener.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                if error.errno not in SHORT:
                    raise
                log.error("no more connections can be taken: %s", error.strerror)
                return self._pause_accepting()
            peer = str(address[0]) if isinstance(address, tuple) else "local"
            if self._house.is_crowded(peer):
                client.close()
                continue
            client.setblocking(False)
            self._house.arrive(peer)
            self._loop.create_task(self._greet_client(client, peer))

    async def _greet_client(self, client: socket.socket, peer: str) -> None:
        """Until TLS is agreed upon, a connection is counted here; then by itself."""
        try:
            await asyncio.wait_for(
                self._loop.connect_accepted_socket(self._make, client, ssl=self._context),
                STRANGER_S,
            )
        # a client that cannot do TLS, says nothing, or left
        except (OSError, asyncio.TimeoutError):
            client.close()
        finally:
            self._house.arrived(peer)

    def _pause_accepting(self) -> None:
        """Let the kernel hold who comes until there is room."""
        if self._timer is None:
            for listener in self._sockets:
                self._loop.remove_reader(listener.fileno())
            self._timer = self._loop.call_later(PAUSE_S, self._resume_accepting)

    def _resume_accepting(self) -> None:
        self._timer = None
        for listener in self._sockets:
            self._loop.add_reader(listener.fileno(), self._accept_client, listener)


def listen_on(host: str, port: int, backlog: int) -> List[socket.socket]:
    """Sockets for every address of this host. OSError when they cannot be had."""
    found: List[socket.socket] = []
    try:
        for family, kind, protocol, _, address in socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        ):
            one = socket.socket(family, kind, protocol)
            found.append(one)
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            one.bind(
                address[:1]
                + (found[0].getsockname()[1] if port == 0 and len(found) > 1 else port,)
                + address[2:]
            )
            one.listen(backlog)
    except OSError:
        for one in found:
            one.close()
        raise
    return found

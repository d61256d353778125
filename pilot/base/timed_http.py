"""Connections of http.client whose time limit is for the whole answer, heads included: a server
that drips byte by byte holds nobody up for longer."""

import http.client
import io
import socket
import time
from typing import Any, Optional


class _TimedReader(io.RawIOBase):
    """The raw stream of a socket; each read may take what is left until the deadline."""

    def __init__(self, sock: socket.socket, connection: Any) -> None:
        self._raw: Any = sock.makefile("rb", buffering=0)
        self._sock, self._connection = sock, connection

    def readable(self) -> bool:
        """io's protocol."""
        return True

    def readinto(self, buffer: Any) -> Any:
        """io's protocol; socket.timeout when the time is over."""
        left = self._connection.deadline - time.monotonic()
        if left <= 0:
            raise socket.timeout("timed out")
        self._sock.settimeout(left)
        return self._raw.readinto(buffer)

    def close(self) -> None:
        """io's protocol."""
        self._raw.close()
        super().close()


class _TimedSocket:
    """What http.client's responses want of a socket."""

    def __init__(self, sock: socket.socket, connection: Any) -> None:
        self._sock, self._connection = sock, connection

    def makefile(self, *_how: Any) -> Any:
        """A buffered reader with the connection's deadline."""
        return io.BufferedReader(_TimedReader(self._sock, self._connection))


def _response(connection: Any, sock: Any, *more: Any, **how: Any) -> Any:
    """http.client's hook, a method of each connection."""
    return http.client.HTTPResponse(_TimedSocket(sock, connection), *more, **how)  # type: ignore[arg-type]


def _answer(connection: Any) -> Any:
    """http.client's method: the time that a long body took to send does not count."""
    if connection.answer_s is not None:
        within(connection, connection.answer_s)
    return http.client.HTTPConnection.getresponse(connection)


class TimedConnection(http.client.HTTPConnection):
    """`deadline` (monotonic) is the moment by which the answer must be there; with `answer_s`, so
    long after the question was sent."""

    deadline = float("inf")
    answer_s: Optional[float] = None
    getresponse = _answer
    response_class = _response  # type: ignore[assignment]


def secure() -> Any:
    """The class for TLS; only where Python has it."""
    class SecureConnection(http.client.HTTPSConnection):
        """As TimedConnection."""

        deadline = float("inf")
        answer_s: Optional[float] = None
        getresponse = _answer
        response_class = _response  # type: ignore[assignment]

    return SecureConnection


def within(connection: Any, seconds: float) -> Any:
    """The connection, its answer due in so many seconds from now."""
    connection.deadline = time.monotonic() + seconds
    return connection

"""Connections of http.client whose time limit covers the complete answer, headers included.

The time limit of a socket restarts with each byte: a server that sends a byte now and then would
keep the pilot waiting for hours.
"""

import http.client
import io
import socket
import time
from typing import Any, Callable, Optional


class _TimedReader(io.RawIOBase):
    """The raw stream of a socket; each read may take the time left until the deadline."""

    def __init__(self, sock: socket.socket, connection: "TimedConnection") -> None:
        self._raw = sock.makefile("rb", buffering=0)
        self._sock, self._connection = sock, connection

    def readable(self) -> bool:
        """Part of the io protocol."""
        return True

    def readinto(self, buffer: Any) -> Optional[int]:
        """Part of the io protocol; socket.timeout after the deadline."""
        left = self._connection.deadline - time.monotonic()
        if left <= 0:
            raise socket.timeout("timed out")
        self._sock.settimeout(left)
        return self._raw.readinto(buffer)

    def close(self) -> None:
        """Part of the io protocol."""
        self._raw.close()
        super().close()


class _TimedSocket:
    """The part of a socket that http.client's responses use."""

    def __init__(self, sock: socket.socket, connection: "TimedConnection") -> None:
        self._sock, self._connection = sock, connection

    def makefile(self, *_how: object) -> io.BufferedReader:
        """A buffered reader with the connection's deadline."""
        return io.BufferedReader(_TimedReader(self._sock, self._connection))


def _make_response(
    connection: "TimedConnection", sock: socket.socket, *more: int, **how: Optional[str]
) -> http.client.HTTPResponse:
    """The hook `response_class` of http.client, here a method of each connection."""
    return http.client.HTTPResponse(_TimedSocket(sock, connection), *more, **how)  # type: ignore


class TimedConnection(http.client.HTTPConnection):
    """`deadline` (monotonic) is the moment by which the answer must be complete; `answer_s`, if
    set, counts from the end of the request instead."""

    deadline = float("inf")
    answer_s: Optional[float] = None
    response_class = _make_response  # type: ignore[assignment]

    def getresponse(self) -> http.client.HTTPResponse:
        """As in http.client. With `answer_s`, the time to send a long body does not count."""
        if self.answer_s is not None:
            within(self, self.answer_s)
        return super().getresponse()


def secure() -> Callable[..., TimedConnection]:
    """The class for TLS connections. Raises AttributeError if Python was built without ssl."""

    class SecureConnection(TimedConnection, http.client.HTTPSConnection):
        """A TimedConnection with TLS."""

    return SecureConnection


def within(connection: TimedConnection, seconds: float) -> TimedConnection:
    """Set the deadline for a complete answer to `seconds` from now; return the connection."""
    connection.deadline = time.monotonic() + seconds
    return connection

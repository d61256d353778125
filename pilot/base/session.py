"""HTTP requests to one server over a connection that stays open."""

import os
import re
import time
from typing import TYPE_CHECKING, Callable, Dict, List, NamedTuple, Optional, Tuple

from pilot.base.checksum import CHUNK
from pilot.base.fetch import FetchFailed

if TYPE_CHECKING:
    import ssl
    from pilot.base.timed_http import TimedConnection

MAX_SESSION = 64 << 20
_LOOPBACK = re.compile(r"(localhost|127(\.\d+){3}|\[?::1\]?)\Z")


class HTTPProxy(NamedTuple):
    """A web proxy as HOST:PORT, and the headers that it requires."""

    where: str
    headers: Dict[str, str]


def proxy_for(url: str) -> Optional[HTTPProxy]:
    """The proxy in $http_proxy, $https_proxy and $no_proxy (lower or upper case) for this URL; None
    without one, and for the local host. Raises FetchFailed for an invalid proxy URL."""
    if not any(name.lower().endswith("_proxy") for name in os.environ):
        return None
    import base64
    import urllib.request
    from urllib.parse import unquote, urlsplit

    parts = urlsplit(url)
    named = urllib.request.getproxies_environment().get(parts.scheme)
    if not named or _LOOPBACK.match(parts.hostname or ""):
        return None
    if urllib.request.proxy_bypass_environment(parts.netloc):  # type: ignore[attr-defined]
        return None
    try:
        found = urlsplit(named if "://" in named else "http://" + named)
        where = "%s:%d" % (found.hostname, found.port or 80)
    except ValueError as error:
        raise FetchFailed("%s: the proxy %r is no URL: %s" % (url, named, error))
    headers = {}
    if found.username:
        word = "%s:%s" % (unquote(found.username), unquote(found.password or ""))
        headers["Proxy-Authorization"] = "Basic " + base64.b64encode(word.encode("utf-8")).decode(
            "ascii"
        )
    return HTTPProxy(where, headers)


class Session:
    """A connection to one server that stays open; `url` is http(s)://HOST[:PORT][/PREFIX].

    For one thread. `context` returns the TLS context; each new connection calls it. All requests
    must be safe to repeat: if the server has closed a kept connection, the session opens a new one
    and repeats the request.
    """

    def __init__(
        self,
        url: str,
        context: Callable[[], Optional["ssl.SSLContext"]] = lambda: None,
        max_bytes: int = MAX_SESSION,
    ) -> None:
        from urllib.parse import urlsplit

        parts = urlsplit(url)
        self._secure, self._where, self._prefix = (
            parts.scheme == "https",
            parts.netloc.rpartition("@")[2],
            parts.path.rstrip("/"),
        )
        self._url, self._context, self._max = url, context, max_bytes
        self._open: "Optional[TimedConnection]" = None
        self._before, self._for_proxy = "", {}  # type: str, Dict[str, str]
        self.date: Optional[str] = None  # the Date header of the last answer

    def ask(
        self,
        method: str,
        path: str,
        body: Optional[bytes],
        headers: Dict[str, str],
        timeout_s: float,
    ) -> Tuple[int, bytes]:
        """Send a request; return status and body of the answer, for any status. Raises FetchFailed
        without an answer."""
        import http.client

        fresh = self._open is None
        try:
            return self._ask_once(method, path, body, headers, timeout_s)
        except (http.client.HTTPException, OSError, ValueError) as error:
            self.close()
            stale = isinstance(
                error,
                (
                    http.client.RemoteDisconnected,
                    ConnectionResetError,
                    BrokenPipeError,
                    http.client.CannotSendRequest,
                ),
            )
            if fresh or not stale:
                raise FetchFailed("%s: %s" % (self._url, error or type(error).__name__))
        return self.ask(method, path, body, headers, timeout_s)

    def _ask_once(
        self,
        method: str,
        path: str,
        body: Optional[bytes],
        headers: Dict[str, str],
        timeout_s: float,
    ) -> Tuple[int, bytes]:
        from pilot.base import timed_http

        if self._open is None:
            self._open = self._connect_new(timeout_s)
        deadline = timed_http.within(self._open, timeout_s).deadline
        self._open.timeout = timeout_s
        if self._open.sock is not None:
            self._open.sock.settimeout(timeout_s)
        self._open.request(
            method,
            self._before + self._prefix + path,
            body,
            dict({"User-Agent": "pilot"}, **headers, **self._for_proxy),
        )
        reply = self._open.getresponse()
        self.date = reply.getheader("Date")
        data: List[bytes] = []
        size = 0
        for block in iter(lambda: reply.read1(CHUNK), b""):
            data.append(block)
            size += len(block)
            if size > self._max:
                raise ValueError("an answer of more than %d bytes" % self._max)
            if time.monotonic() > deadline:
                raise ValueError("an answer that was incomplete after %g s" % timeout_s)
        reply.read()  # the body is empty now, but older Pythons need this call to notice
        return reply.status, b"".join(data)

    def _connect_new(self, timeout_s: float) -> "TimedConnection":
        """Open a new connection, directly or through the proxy in the environment; TLS passes
        through the proxy unchanged (CONNECT)."""
        from pilot.base import timed_http

        proxy = proxy_for(self._url)
        self._before, self._for_proxy = "", {}
        where, words = (proxy.where, proxy.headers) if proxy else (self._where, {})
        if not self._secure:
            if proxy:
                self._before, self._for_proxy = "http://" + self._where, words
            return timed_http.TimedConnection(where, timeout=timeout_s)
        from pilot.base.credentials import tls

        tls()
        made = timed_http.secure()(where, timeout=timeout_s, context=self._context())
        if proxy:
            made.set_tunnel(self._where, headers=words)
        return made

    def close(self) -> None:
        """Close the connection; the next request opens another."""
        if self._open is not None:
            self._open.close()
            self._open = None

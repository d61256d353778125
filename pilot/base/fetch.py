"""Opens URLs: with verified TLS, a time limit, retries with back-off, a size limit, a checksum.

A download is written to a temporary file beside its target and renamed after all checks.
"""

import os
import time
from typing import IO, TYPE_CHECKING, BinaryIO, Callable, Dict, List, NamedTuple, Optional, Union

from pilot.base.checksum import CHUNK, DigestedFile, parse_checksum
from pilot.errors import StepFailed

if TYPE_CHECKING:
    import http.client
    import ssl
    import urllib.request
    import urllib.response
    from pilot.base.timed_http import TimedConnection

LINK_LOCAL = "169.254."
ATTEMPTS = 3
BACK_OFF_S = 1.0
MAX_TEXT = 10 << 20
TRANSIENT = (408, 425, 429, 500, 502, 503, 504)
# the headers that a redirect to another host keeps
HARMLESS = ("user-agent", "accept", "accept-encoding", "range")


class FetchFailed(StepFailed):
    """The request failed. The message has the URL and the reason; `status` is the HTTP status or
    None."""

    def __init__(self, message: str, status: Optional[int] = None) -> None:
        super().__init__(message)
        self.status = status


class HTTPRequest(NamedTuple):
    """One request, and the limits on its answer."""

    url: str
    timeout_s: float
    headers: Dict[str, str]
    context: Optional["ssl.SSLContext"]
    max_bytes: int
    data: Union[bytes, BinaryIO, None]
    method: Optional[str] = None


class Download(NamedTuple):
    """A downloaded file."""

    path: str
    size: int
    sha256: str


def get(
    url: str,
    timeout_s: float,
    attempts: int = ATTEMPTS,
    headers: Optional[Dict[str, str]] = None,
    context: Optional["ssl.SSLContext"] = None,
    max_bytes: int = MAX_TEXT,
    data: Optional[bytes] = None,
    method: Optional[str] = None,
) -> bytes:
    """Return the body of a URL (http, https, file); with `data`, send a POST, or another `method`.
    Raises FetchFailed."""
    parts: List[bytes] = []
    request = HTTPRequest(url, timeout_s, headers or {}, context, max_bytes, data, method)
    with_retries(attempts, lambda: read_once(request, parts.append, parts.clear))
    return b"".join(parts)


def download(
    url: str, path: str, timeout_s: float, checksum: str = "", attempts: int = ATTEMPTS,
    max_bytes: int = 1 << 40, context: Optional["ssl.SSLContext"] = None,
    headers: Optional[Dict[str, str]] = None,
) -> Download:
    """Fetch a URL into a file. `checksum` is "sha256:HEX", "sha512:HEX" or bare hex of either.

    Raises FetchFailed, also for a wrong size or checksum, and then leaves no file.
    """
    wanted = parse_checksum(checksum)
    request = HTTPRequest(url, timeout_s, headers or {}, context, max_bytes, None)
    partial = "%s.part-%d" % (path, os.getpid())
    try:
        with open(partial, "wb") as stream:
            file = DigestedFile(stream)
            with_retries(attempts, lambda: read_once(request, file.write, file.restart_file))
            size = stream.tell()
        digests = file.digests()
        if wanted and digests[wanted.algorithm] != wanted.digest:
            raise FetchFailed(
                "%s: %s is %s, expected %s"
                % (url, wanted.algorithm, digests[wanted.algorithm], wanted.digest)
            )
        os.replace(partial, path)
    except OSError as error:
        raise FetchFailed("%s: cannot be stored as %s: %s" % (url, path, error.strerror))
    finally:
        if os.path.exists(partial):
            os.unlink(partial)
    return Download(path, size, digests["sha256"])


def with_retries(attempts: int, once: Callable[[], None]) -> None:
    """Call `once` up to `attempts` times, with pauses, until it succeeds. Raises the last
    FetchFailed, or at once one that a retry cannot fix."""
    for attempt in range(1, attempts + 1):
        try:
            return once()
        except FetchFailed as error:
            final = error.status is not None and error.status not in TRANSIENT
            if final or attempt == attempts:
                raise
            time.sleep(BACK_OFF_S * 2 ** (attempt - 1))


def read_once(
    request: HTTPRequest, take: Callable[[bytes], object], restart: Callable[[], object]
) -> None:
    """Send a request once: call `restart`, then pass the parts of the answer to `take`. Raises
    FetchFailed."""
    import http.client
    import urllib.error
    import urllib.request

    restart()
    url = request.url
    try:
        asked = urllib.request.Request(url, data=request.data, method=request.method,
                                       headers=dict({"User-Agent": "pilot"}, **request.headers))
        with _opener(request).open(asked, timeout=request.timeout_s) as reply:
            _take_body(request, reply, take)
    except urllib.error.HTTPError as error:
        error.close()
        raise FetchFailed("%s: HTTP %d %s" % (url, error.code, error.reason), error.code)
    except (urllib.error.URLError, http.client.HTTPException, OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        if "timed out" in str(reason):
            raise FetchFailed("%s: incomplete after %g s" % (url, request.timeout_s))
        gone = isinstance(reason, FileNotFoundError) or isinstance(error, ValueError)
        raise FetchFailed("%s: %s" % (url, reason), 404 if gone else None)


def _opener(request: HTTPRequest) -> "urllib.request.OpenerDirector":
    """An opener that follows redirects of read requests only, never from https to http, and sends a
    token only to the host of the request."""
    import urllib.parse
    import urllib.request

    from pilot.base import timed_http

    class Plain(urllib.request.HTTPHandler):
        """Plain HTTP; the time limit includes the headers of the answer."""

        def http_open(self, req: urllib.request.Request) -> "http.client.HTTPResponse":
            return self.do_open(_timed(timed_http.TimedConnection, request), req)

    here = (urllib.parse.urlsplit(request.url).hostname or "").startswith(LINK_LOCAL)
    # no proxy reaches the metadata service of a cloud machine
    handlers: List[urllib.request.BaseHandler] = [urllib.request.ProxyHandler({})] if here else []
    if request.context is not None or request.url.startswith("https:"):
        from pilot.base.credentials import tls

        tls()

        class Secure(urllib.request.HTTPSHandler):
            """HTTPS, with the same time limit."""

            def https_open(self, req: urllib.request.Request) -> "http.client.HTTPResponse":
                return self.do_open(
                    _timed(timed_http.secure(), request), req, context=request.context
                )

        handlers.append(Secure(context=request.context))
    return urllib.request.build_opener(_redirects(request), Plain(), *handlers)


def _timed(
    kind: "Callable[..., TimedConnection]", request: HTTPRequest
) -> "Callable[..., TimedConnection]":
    from pilot.base import timed_http

    def made(host: str, **how: object) -> "TimedConnection":
        connection = timed_http.within(kind(host, **how), request.timeout_s)
        connection.answer_s = (
            None if request.data is None or isinstance(request.data, bytes) else request.timeout_s
        )
        return connection

    return made


def _redirects(request: HTTPRequest) -> "urllib.request.HTTPRedirectHandler":
    import urllib.parse
    import urllib.request

    class SameHostRedirects(urllib.request.HTTPRedirectHandler):
        """The standard handler, without headers that another host must not see."""

        def redirect_request(
            self,
            req: urllib.request.Request,
            fp: IO[bytes],
            code: int,
            msg: str,
            headers: "http.client.HTTPMessage",
            newurl: str,
        ) -> Optional[urllib.request.Request]:
            old, new = urllib.parse.urlsplit(req.full_url), urllib.parse.urlsplit(newurl)
            if req.data is not None or (new.scheme != old.scheme and new.scheme != "https"):
                raise FetchFailed(
                    "%s: HTTP %d to %s://%s is not followed"
                    % (request.url, code, new.scheme, new.netloc),
                    code,
                )
            found = super().redirect_request(req, fp, code, msg, headers, newurl)
            if found is not None and (old.scheme, old.netloc) != (new.scheme, new.netloc):
                for name in [name for name in list(found.headers) if name.lower() not in HARMLESS]:
                    found.remove_header(name)
            return found

    return SameHostRedirects()


def _take_body(
    request: HTTPRequest,
    reply: "Union[http.client.HTTPResponse, urllib.response.addinfourl]",
    take: Callable[[bytes], object],
) -> None:
    deadline, size = time.monotonic() + request.timeout_s, 0
    expected = reply.headers.get("Content-Length") or ""
    # read1 returns the bytes at hand, so that the loop checks the deadline
    read = getattr(reply, "read1", reply.read)
    for block in iter(lambda: read(CHUNK), b""):
        size += len(block)
        if size > request.max_bytes:
            raise FetchFailed(
                "%s: larger than the limit of %d bytes" % (request.url, request.max_bytes), 413
            )
        if time.monotonic() > deadline:
            raise FetchFailed("%s: incomplete after %g s" % (request.url, request.timeout_s))
        take(block)
    if expected.isdigit() and size < int(expected):
        raise FetchFailed("%s: ended after %d of %s bytes" % (request.url, size, expected))

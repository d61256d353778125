"""One request to a pool server and its answer: token, time limit, and what each failure means."""

import json
import os
import re
from typing import Any, Dict, Optional, Tuple, Union
from urllib.parse import urlsplit

from pilot.base import credentials
from pilot.base.fetch import FetchFailed
from pilot.base.pool_token import Bearer, NoToken
from pilot.base.session import Session
from pilot.errors import ConfigurationFailed, UsageError
from pilot.pool.interface import Busy, Denied, StaleLease

TIMEOUT_S = 30.0
Body = Union[None, str, Dict[str, Any]]


class Refused(UsageError):
    """The server will never accept this request; the sentence says why."""


class HTTPCalls:
    """Sends requests to the server at `url`; an answer may take `timeout_s`. UsageError for a
    malformed URL."""

    def __init__(
        self, url: str, environ: Optional[Dict[str, str]] = None, timeout_s: float = TIMEOUT_S
    ) -> None:
        _check_url(url)
        self.url, self.timeout_s = url.rstrip("/"), timeout_s
        self._environ = dict(os.environ if environ is None else environ)
        self._session = Session(
            self.url,
            lambda: credentials.tls_context(self._environ, credentials.proxy_path(self._environ)),
        )
        self._bearer = Bearer(self._environ, self._session)

    def close(self) -> None:
        """Hang up."""
        self._session.close()

    def ask(
        self, method: str, path: str, body: Body = None, wait_s: float = 0.0
    ) -> Any:
        """The answer; `body` is an object or its JSON text. Refused for a request that the server will never accept; Busy for all errors
        that may be temporary, malformed answers of a proxy included."""
        status, data = self.send(method, path, body, wait_s)
        try:
            answer = json.loads(data.decode("utf-8"))
            sentence = answer.get("error", "") if isinstance(answer, dict) else ""
        except (ValueError, RecursionError):
            answer, sentence = None, ""
        if status == 200 and isinstance(answer, dict):
            return answer
        refusal = "%s: HTTP %d: %s" % (
            self.url,
            status,
            sentence or "this is no pool's answer: %r" % data[:60],
        )
        if not sentence:
            raise Busy(refusal)
        if status == 409:
            raise StaleLease(refusal)
        if status in (401, 403):
            self._bearer.note_refusal()
            how = (
                "; give one in --pool-token-file or $PILOT_POOL_TOKEN"
                if status == 401 and "is needed" in sentence
                else ""
            )
            raise Denied(refusal + how)
        if status in (400, 413):
            raise Refused(refusal)
        raise Busy(refusal)

    def ask_again(self, path: str, body: Dict[str, Any]) -> Any:
        """Send a request that a correct server always accepts: a refusal may be temporary
        (Busy)."""
        try:
            return self.ask("POST", path, body)
        except (Refused, StaleLease) as error:
            raise Busy(str(error))

    def send(
        self, method: str, path: str, body: Body, wait_s: float = 0.0
    ) -> Tuple[int, bytes]:
        """Status and body of the answer, whatever the status is. Raises Busy, Denied."""
        headers = {"Content-Type": "application/json"} if body is not None else {}
        text = body if body is None or isinstance(body, str) else json.dumps(body)
        data = None if text is None else text.encode("ascii")
        try:
            return self._session.ask(
                method,
                path,
                data,
                dict(headers, **self._bearer.build_headers()),
                self.timeout_s + wait_s,
            )
        except (NoToken, ConfigurationFailed) as error:
            raise Denied(str(error))
        except FetchFailed as error:
            if "CERTIFICATE_VERIFY_FAILED" in str(error):
                raise Denied("%s; if its CA is your own, give that as $SSL_CERT_FILE" % error)
            raise Busy(
                "the pool cannot be reached: %s%s" % (error, _hint_at(self.url, str(error)))
            )


def _check_url(url: str) -> None:
    try:
        parts = urlsplit(url)
        good = bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        good = False
    shown = re.sub("//[^/]*@", "//", url)
    if not good:
        raise UsageError("%s: names no server; https://HOST:PORT does" % shown)
    if "@" in parts.netloc:
        raise UsageError(
            "%s: a server needs a token (--pool-token-file), not a name and password in its address"
            % shown
        )


def _hint_at(url: str, problem: str) -> str:
    if url.startswith("https") and (
        "WRONG_VERSION_NUMBER" in problem or "wrong version number" in problem
    ):
        return "; does it want http?"
    return (
        "; does it want https?"
        if url.startswith("http:") and "closed connection without" in problem
        else ""
    )

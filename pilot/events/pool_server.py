"""Sends events to a pool server: POST /v1/events."""

import json
import os
from typing import TYPE_CHECKING, Dict, List, Optional

from pilot.base import credentials
from pilot.base.pool_token import Bearer, NoToken
from pilot.errors import ConfigurationFailed
from pilot.events.sender import SendFailed, Transport
from pilot.base.fetch import FetchFailed
from pilot.base.session import Session

if TYPE_CHECKING:
    from pilot.events.event import Event

TIMEOUT_S = 10.0
FINAL = (400, 413)


class PoolServer(Transport):
    """`url` is the URL of the server, as in --pool."""

    def __init__(self, url: str, environ: Optional[Dict[str, str]] = None) -> None:
        variables = dict(os.environ if environ is None else environ)
        self.name = url
        self._session = Session(
            url, lambda: credentials.tls_context(variables, credentials.proxy_path(variables))
        )
        self._bearer = Bearer(variables, self._session)

    def send(self, events: "List[Event]") -> None:
        """Return when the server has all events. Raises SendFailed."""
        body = json.dumps({"events": events}).encode("ascii")
        try:
            headers = dict(self._bearer.build_headers(), **{"Content-Type": "application/json"})
            status, data = self._session.ask("POST", "/v1/events", body, headers, TIMEOUT_S)
        except (FetchFailed, NoToken, ConfigurationFailed) as error:
            raise SendFailed(str(error))
        if status in (401, 403):
            self._bearer.note_refusal()
        if status != 200:
            raise SendFailed(
                "HTTP %d: %s" % (status, data[:300].decode("utf-8", "replace")),
                status in FINAL and _is_ours(data),
            )

    def close(self) -> None:
        """Close the connection."""
        self._session.close()


def _is_ours(data: bytes) -> bool:
    """Whether the pool server itself sent this refusal, not a proxy in front of it."""
    try:
        answer = json.loads(data.decode("utf-8"))
    except ValueError:
        return False
    return isinstance(answer, dict) and isinstance(answer.get("error"), str)

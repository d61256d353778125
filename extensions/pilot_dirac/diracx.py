"""DiracX: exchanges the pilot's secret for a token, renews the token before it expires, and sends
the log as JSON lines.

The interfaces are those of the pilot's proposed DiracX generation: POST api/auth/secret-exchange,
api/auth/pilot-token (or api/auth/token) to refresh, api/pilots/internal/message (or
api/pilots/legacy/message) for the log. Instead of the secret, the proxy file may contain a token
between -----BEGIN DIRACX----- and -----END DIRACX-----.
"""

import base64
import json
import re
import time
import urllib.parse
from typing import Dict, List, Optional, Tuple

from pilot.base import credentials
from pilot.engine.settings import Settings
from pilot.errors import ConfigurationFailed
from pilot.events import event as events
from pilot.events.event import Event
from pilot.events.sender import SendFailed, Transport
from pilot.base.fetch import FetchFailed
from pilot.base.session import Session

from . import remote_log
from .options import setting_value

TIMEOUT_S = 10.0
EARLY_S = 60.0  # the pilot renews a token this long before it expires
LIFE_S = 600.0  # of a token without expires_in
EXCHANGE, REFRESH, REVOKE = (
    "/api/auth/secret-exchange",
    ("/api/auth/pilot-token", "/api/auth/token"),
    "/api/auth/revoke",
)
MESSAGE = ("/api/pilots/internal/message", "/api/pilots/legacy/message")
_EMBEDDED = re.compile(b"-----BEGIN DIRACX-----(.*?)-----END DIRACX-----", re.S)
JSON = {"Content-Type": "application/json"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def _text_of(settings: Settings, name: str) -> str:
    return str(settings[name] or "") if name in settings else ""


class DiracX(Transport):
    """`settings` name the server, the secret and the client."""

    def __init__(self, settings: Settings, environ: Dict[str, str], pilot_id: str) -> None:
        self.name = setting_value(settings, "diracx_url").rstrip("/")
        self.gather = max(1, setting_value(settings, "remote_logger_bufsize"))
        self.gather_s = setting_value(settings, "remote_logger_timer_interval") or 10.0
        self._stamp = environ.get("DIRAC_PILOT_STAMP") or pilot_id
        self._secret, self._client = setting_value(settings, "pilot_secret"), setting_value(
            settings, "client_id"
        )
        self._place = {
            "vo": _text_of(settings, "vo"),
            "grid_type": _text_of(settings, "ce_type"),
            "grid_site": _text_of(settings, "site"),
        }
        place = urllib.parse.urlsplit(self.name)
        self._base = place.path
        self._session = Session(
            "%s://%s" % (place.scheme, place.netloc),
            lambda: credentials.tls_context(environ) if place.scheme == "https" else None,
        )
        self._token: Dict[str, object] = embedded_token(environ)
        self._until = time.monotonic() + LIFE_S if self._token else 0.0
        self._where: Optional[str] = None

    def weigh(self, event: Event) -> int:
        """The number of lines."""
        return len(event["lines"]) if event["event"] == events.LOG else 0

    def send(self, events: List[Event]) -> None:
        """Send the lines; at the pilot's end revoke the token."""
        lines = [line._asdict() for line in remote_log.lines_of(events)]
        if lines:
            body = json.dumps({"pilot_stamp": self._stamp, "lines": lines}).encode("ascii")
            self._where = self._post_to_first((self._where,) if self._where else MESSAGE, body)
        if remote_log.find_ending(events)[0] and self._token:
            self._revoke_token()

    def _post_to_first(self, paths: Tuple[str, ...], body: bytes) -> str:
        status, data = 404, b""
        for path in paths:
            status, data = self._ask_authorized(path, body)
            if status != 404:
                self._judge_answer(path, status, data)
                return path
        self._judge_answer(paths[-1], status, data)
        return paths[-1]

    def _ask_authorized(self, path: str, body: bytes) -> Tuple[int, bytes]:
        for fresh in (False, True):
            headers = dict(JSON, Authorization="Bearer " + self._access_token(fresh))
            status, data = self._ask_server(path, body, headers)
            if status != 401:
                break
        return status, data

    def _access_token(self, fresh: bool) -> str:
        """A valid token; `fresh`: the server refused the current one."""
        if fresh or time.monotonic() > self._until - EARLY_S:
            self._store_token(self._renew_access() or self._exchange_secret())
        return str(self._token.get("access_token", ""))

    def _renew_access(self) -> Optional[Dict[str, object]]:
        refresh = self._refresh_token()
        if not refresh:
            return None
        form = {"grant_type": "refresh_token", "refresh_token": refresh, "client_id": self._client}
        for path in REFRESH:
            status, data = self._ask_server(
                path, urllib.parse.urlencode(form).encode("ascii"), FORM
            )
            if status == 200:
                return _as_object(data)
        return None

    def _exchange_secret(self) -> Dict[str, object]:
        if not self._secret:
            raise SendFailed("DiracX accepts no log without a token: give --pilotSecret")
        asked: Dict[str, str] = {"pilot_stamp": self._stamp, "pilot_secret": self._secret}
        status, data = self._ask_server(EXCHANGE, json.dumps(asked).encode("ascii"), JSON)
        if status == 401 and self._place["vo"]:
            # nobody submitted this pilot (Vac, a cloud, a person): the server registers it
            asked.update(self._place, status="Running")
            status, data = self._ask_server(EXCHANGE, json.dumps(asked).encode("ascii"), JSON)
        self._judge_answer(EXCHANGE, status, data)
        return _as_object(data)

    def _store_token(self, token: Dict[str, object]) -> None:
        self._token = token
        life = token.get("expires_in")
        self._until = time.monotonic() + (float(life) if isinstance(life, (int, float)) else LIFE_S)

    def _refresh_token(self) -> str:
        return str(self._token.get("refresh_token") or "")

    def _revoke_token(self) -> None:
        refresh = self._refresh_token()
        if refresh:
            form = urllib.parse.urlencode({"refresh_token": refresh, "client_id": self._client})
            self._ask_server(REVOKE + "?" + form, b"", JSON)

    def _ask_server(self, path: str, body: bytes, headers: Dict[str, str]) -> Tuple[int, bytes]:
        try:
            return self._session.ask("POST", self._base + path, body, headers, TIMEOUT_S)
        except (FetchFailed, ConfigurationFailed) as error:
            raise SendFailed(str(error))

    @staticmethod
    def _judge_answer(path: str, status: int, data: bytes) -> None:
        """Raise SendFailed for anything but success; it is final when our request is invalid."""
        if not 200 <= status < 300:
            raise SendFailed(
                "%s: HTTP %d: %s" % (path, status, data[:200].decode("utf-8", "replace")),
                status in (400, 413, 422),
            )

    def close(self) -> None:
        """Close the connection."""
        self._session.close()


def embedded_token(environ: Dict[str, str]) -> Dict[str, object]:
    """The token in the proxy file; {} when there is none."""
    path = credentials.proxy_path(environ)
    if path is None:
        return {}
    try:
        with open(path, "rb") as stream:
            match = _EMBEDDED.search(stream.read())
        return _as_object(base64.b64decode(match.group(1))) if match else {}
    except (OSError, ValueError, SendFailed):
        return {}


def _as_object(data: bytes) -> Dict[str, object]:
    try:
        content = json.loads(data.decode("utf-8"))
    except ValueError:
        content = None
    if not isinstance(content, dict):
        raise SendFailed("no JSON object but %s" % data[:100].decode("utf-8", "replace"))
    return content

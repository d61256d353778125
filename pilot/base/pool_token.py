"""The token that authorizes a pilot at its server: where to find it, when to renew it."""

import base64
import json
import os
import threading
import time
from typing import Dict, List

from pilot.base import credentials
from pilot.errors import ConfigurationFailed
from pilot.base.fetch import FetchFailed
from pilot.base.session import Session
from pilot.base.setting_values import SettingValues

TOKEN, TOKEN_FILE = "PILOT_POOL_TOKEN", "PILOT_POOL_TOKEN_FILE"
PREFIX = "pilot1"  # of the tokens that a pool server issues to pilots
START = "start1"  # of those that pilots exchange at their start for their own
RENEW_EARLY = 0.5  # the part of the remaining lifetime after which to renew a token
AGAIN_S = 60.0
RENEW_TIMEOUT_S = 10.0


_own: Dict[str, str] = {}  # start token -> the token that this process got for it
_lock = threading.Lock()


class NoToken(Exception):
    """A configured token cannot be read or is invalid; the message says why."""


def variables(settings: SettingValues) -> Dict[str, str]:
    """The settings for the token, as the variables that `find` reads."""
    environ = {}
    if "pool_token" in settings and settings["pool_token"]:
        environ[TOKEN] = str(settings["pool_token"])
    if "pool_token_file" in settings and settings["pool_token_file"]:
        environ[TOKEN_FILE] = os.path.abspath(str(settings["pool_token_file"]))
    return environ


def find(environ: Dict[str, str]) -> str:
    """Find the token: $PILOT_POOL_TOKEN, the file $PILOT_POOL_TOKEN_FILE, then a WLCG bearer token;
    "" without one. Raises NoToken."""
    if environ.get(TOKEN):
        return environ[TOKEN].strip()
    path = environ.get(TOKEN_FILE)
    try:
        if path:
            with open(path, encoding="ascii") as stream:
                token = stream.read().strip()
            if not token:
                raise NoToken("the token file %s is empty" % os.path.abspath(path))
            return token
        return credentials.bearer_token(environ) or ""
    except (OSError, UnicodeDecodeError) as error:
        raise NoToken(
            "the token file %s cannot be read: %s"
            % (os.path.abspath(path or ""), getattr(error, "strerror", None) or error)
        )
    except ConfigurationFailed as error:
        raise NoToken(str(error))


def own_variables(environ: Dict[str, str], settings: SettingValues) -> Dict[str, str]:
    """`variables` for a child process; with the pilot's own token if this process has exchanged its
    start token, which it may do three times in all."""
    named = variables(settings)
    try:
        own = _own.get(find(dict(environ, **named)))
    except NoToken:  # the child gives the reason
        own = None
    return dict(named, **{TOKEN: own}) if own else named


def files(environ: Dict[str, str], settings: SettingValues) -> List[str]:
    """The files with tokens and keys of this pilot, which isolated payloads must not read."""
    uid = os.getuid()
    paths = [
        variables(settings).get(TOKEN_FILE),
        environ.get(TOKEN_FILE),
        environ.get("BEARER_TOKEN_FILE"),
        environ.get("X509_USER_KEY"),
    ]
    paths += [
        os.path.join(environ.get("XDG_RUNTIME_DIR") or "/nowhere", "bt_u%d" % uid),
        "/tmp/bt_u%d" % uid,
    ]
    return sorted({os.path.realpath(path) for path in paths if path and os.path.isfile(path)})


def claims_of(token: str) -> Dict[str, object]:
    """The claims of a token that a pool server signed; the signature is not checked. {} for another
    token."""
    parts = token.split(".")
    if len(parts) != 3 or parts[0] not in (PREFIX, START):
        return {}
    try:
        claims = json.loads(
            base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)).decode("ascii")
        )
    except ValueError:
        return {}
    return claims if isinstance(claims, dict) else {}


def renewal(token: str, now: float) -> float:
    """When to renew this token, in UNIX seconds; 0 for a token that is not a pilot's."""
    end = claims_of(token).get("e")
    if not isinstance(end, (int, float)):
        return 0.0
    return now + max(1.0, (end - now) * RENEW_EARLY)


class Bearer:
    """Creates the headers for each request to a server, and renews the token through `session`."""

    def __init__(self, environ: Dict[str, str], session: Session) -> None:
        self._environ, self._session = environ, session
        self._token, self._found, self._renew_at = "", "", 0.0

    def build_headers(self) -> Dict[str, str]:
        """The Authorization header; {} without a token. Raises NoToken."""
        if self._token and 0 < self._renew_at < time.time():
            self._renew_token()
        if not self._token:
            self._found = find(self._environ)
            self._token = self._exchange() if self._found.startswith(START + ".") else self._found
            self._renew_at = renewal(self._token, time.time())
        return {"Authorization": "Bearer " + self._token} if self._token else {}

    def note_refusal(self) -> None:
        """The server refused the token: use the configured one if somebody replaced it. Otherwise
        keep our renewed token, which is newer than the configured one."""
        try:
            if find(self._environ) != self._found:
                self._token = ""
        except NoToken:  # keep the token: the server may accept it later
            pass

    def _renew_token(self) -> None:
        self._renew_at = time.time() + AGAIN_S
        try:
            self._token = self._ask_server("renew", self._token, {})
        except (FetchFailed, NoToken):
            return
        self._renew_at = renewal(self._token, time.time())
        if self._found in _own:
            _own[self._found] = self._token

    def _exchange(self) -> str:
        """Our own token for the start token. Raises FetchFailed, NoToken."""
        with _lock:
            if self._found not in _own:
                pilot = {"id": self._environ.get("PILOT_ID", "")}
                _own[self._found] = self._ask_server("exchange", self._found, pilot)
            return _own[self._found]

    def _ask_server(self, what: str, token: str, body: Dict[str, str]) -> str:
        headers = {"Authorization": "Bearer " + token, "Content-Type": "application/json"}
        status, data = self._session.ask(
            "POST", "/v1/tokens/" + what, json.dumps(body).encode(), headers, RENEW_TIMEOUT_S
        )
        try:
            answer = json.loads(data.decode("utf-8"))
            if status == 200:
                return str(answer["token"])
            raise NoToken("HTTP %d: %s" % (status, answer["error"]))
        except (ValueError, KeyError, TypeError):
            raise FetchFailed("HTTP %d: this is no pool's answer" % status)

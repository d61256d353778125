"""The token a pilot shows to its server: found, kept, and renewed when its life is half over."""

import base64
import json
import os
import time
from typing import TYPE_CHECKING, Dict, List, Optional

from pilot.base import credentials
from pilot.errors import ConfigurationFailed
from pilot.base.fetch import FetchFailed
from pilot.base.session import Session

if TYPE_CHECKING:
    from pilot.base.setting_values import SettingValues

TOKEN, TOKEN_FILE = "PILOT_POOL_TOKEN", "PILOT_POOL_TOKEN_FILE"
PREFIX = "pilot1"  # of the tokens that a pool server makes for pilots
RENEW_EARLY = 0.5  # of what is left of its life
AGAIN_S = 60.0
RENEW_TIMEOUT_S = 10.0


class NoToken(Exception):
    """There should be a token, but it cannot be read, or is none; in words."""


def variables(settings: "SettingValues") -> Dict[str, str]:
    """What the settings say of the token, in the variables where `find` looks."""
    found = {}
    if "pool_token" in settings and settings["pool_token"]:
        found[TOKEN] = str(settings["pool_token"])
    if "pool_token_file" in settings and settings["pool_token_file"]:
        found[TOKEN_FILE] = os.path.abspath(str(settings["pool_token_file"]))
    return found


def find(environ: Dict[str, str]) -> str:
    """$PILOT_POOL_TOKEN, the file $PILOT_POOL_TOKEN_FILE, then as WLCG finds bearer tokens; "" for
    none. Raises NoToken."""
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


def files(environ: Dict[str, str], settings: "SettingValues") -> List[str]:
    """Where tokens and keys of this pilot lie: payloads behind a wall shall not read them."""
    uid = os.getuid()
    found = [
        variables(settings).get(TOKEN_FILE),
        environ.get(TOKEN_FILE),
        environ.get("BEARER_TOKEN_FILE"),
        environ.get("X509_USER_KEY"),
    ]
    found += [
        os.path.join(environ.get("XDG_RUNTIME_DIR") or "/nowhere", "bt_u%d" % uid),
        "/tmp/bt_u%d" % uid,
    ]
    return sorted({os.path.realpath(path) for path in found if path and os.path.isfile(path)})


def claims_of(token: str) -> Dict[str, object]:
    """What a pilot's token says of itself, unchecked: {} when it is none."""
    parts = token.split(".")
    if len(parts) != 3 or parts[0] != PREFIX:
        return {}
    try:
        found = json.loads(
            base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)).decode("ascii")
        )
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def renewal(token: str, now: float) -> float:
    """When this token is to be renewed, in UNIX seconds; 0 for one that is no pilot's."""
    end = claims_of(token).get("e")
    if not isinstance(end, (int, float)):
        return 0.0
    return now + max(1.0, (end - now) * RENEW_EARLY)


class Bearer:
    """Gives the header for each request to a server; `session` is asked for a new token in time."""

    def __init__(self, environ: Dict[str, str], session: Session) -> None:
        self._environ, self._session = environ, session
        self._token, self._found, self._renew_at = "", "", 0.0

    def headers(self) -> Dict[str, str]:
        """Authorization, or nothing where there is no token. Raises NoToken."""
        if self._token and 0 < self._renew_at < time.time():
            self._renew_token()
        if not self._token:
            self._token = self._found = find(self._environ)
            self._renew_at = renewal(self._token, time.time())
        return {"Authorization": "Bearer " + self._token} if self._token else {}

    def refused(self) -> None:
        """The server did not take it: a token that was put in the old one's place is taken; one
        that we renewed stays, as that which it came from is older."""
        try:
            if find(self._environ) != self._found:
                self._token = ""
        except NoToken:  # what we have may still be good another time
            pass

    def _renew_token(self) -> None:
        self._renew_at = time.time() + AGAIN_S
        fresh = self._ask_server()
        if fresh:
            self._token, self._renew_at = fresh, renewal(fresh, time.time())

    def _ask_server(self) -> Optional[str]:
        headers = {"Authorization": "Bearer " + self._token, "Content-Type": "application/json"}
        try:
            status, data = self._session.ask(
                "POST", "/v1/tokens/renew", b"{}", headers, RENEW_TIMEOUT_S
            )
            return str(json.loads(data.decode("utf-8"))["token"]) if status == 200 else None
        except (FetchFailed, ValueError, KeyError, TypeError):
            return None

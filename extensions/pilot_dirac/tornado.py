"""DIRAC's TornadoPilotLogging: sends the pilot's log by HTTPS POST, and the exit code at the end.

Fields of a request: method (sendMessage, finaliseLogs), args (a JSON list: the payload as JSON
text, the pilot's UUID, the VO) and, with a host certificate, extraCredentials. {"OK": false} is a
refusal whatever the HTTP status.
"""

import hashlib
import json
import logging
import os
import re
import urllib.parse
from typing import TYPE_CHECKING, Dict, List, Optional

from pilot.base import credentials
from pilot.engine.settings import Settings
from pilot.errors import ConfigurationFailed
from pilot.events import event as events
from pilot.events.event import Event
from pilot.events.sender import SendFailed, Transport
from pilot.base.fetch import FetchFailed
from pilot.base.session import Session
from pilot.base.log import Masker

from . import remote_log
from .identity import UNKNOWN
from .options import setting_value

if TYPE_CHECKING:
    import ssl

TIMEOUT_S = 10.0
NEVER_S = 1e9
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$|[0-9a-z]{32}$")
log = logging.getLogger("pilot")


class Tornado(Transport):
    """`settings` name the server, and how many lines or seconds travel together."""

    def __init__(self, settings: Settings, environ: Dict[str, str], pilot_id: str) -> None:
        self.name = setting_value(settings, "remote_logger_url")
        if not self.name.startswith(("https://", "http://")):
            raise ValueError(
                "pilotLogging needs a loggerURL, "
                "https://HOST:PORT/WorkloadManagement/TornadoPilotLogging"
            )
        self.gather = max(1, setting_value(settings, "remote_logger_bufsize"))
        self.gather_s = setting_value(settings, "remote_logger_timer_interval") or NEVER_S
        self._environ, self._vo = environ, settings["vo"] or UNKNOWN
        self._uuid = server_uuid(pilot_id)
        self._masker = Masker()
        for secret in settings.secrets():
            self._masker.add(secret)
        if self._uuid != pilot_id:
            log.warning(
                "%s keeps the logs of UUIDs only: %s is %s there", self.name, pilot_id, self._uuid
            )
        place = urllib.parse.urlsplit(self.name)
        self._path = place.path or "/"
        self._session = Session(
            "%s://%s" % (place.scheme, place.netloc),
            lambda: tls_context(environ) if place.scheme == "https" else None,
        )
        self._first: Optional[str] = None  # the first lines, until the server has them
        # the server has the lines up to this event: a batch may fail after its lines arrived
        self._sent_seq = 0

    def weigh(self, event: Event) -> int:
        """The number of lines; the start of the pilot counts as a full batch."""
        return (
            len(event["lines"])
            if event["event"] == events.LOG
            else self.gather if event["event"] == events.PILOT_STARTED else 0
        )

    def send(self, events: List[Event]) -> None:
        """Send the lines, and finalise the log at the pilot's end."""
        if self._first is None:
            self._first = (
                remote_log.parse_line("Remote logger activated").format_line()
                + "\n"
                + self._masker.mask_text(remote_log.read_wrapper_log())
            )
        fresh = [event for event in events if event["seq"] > self._sent_seq]
        lines = [line.format_line() + "\n" for line in remote_log.lines_of(fresh)]
        text = self._first + "".join(lines)
        if text:
            self._post_message("sendMessage", text)
            self._first, self._sent_seq = "", events[-1]["seq"]
        ended, code = remote_log.find_ending(events)
        if ended:
            self._post_message("finaliseLogs", {"retCode": str(code)})

    def _post_message(self, method: str, payload: object) -> None:
        fields = {"method": method, "args": json.dumps([json.dumps(payload), self._uuid, self._vo])}
        if host_certificate(self._environ):
            fields["extraCredentials"] = '"hosts"'
        body = urllib.parse.urlencode(fields).encode("ascii")
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        try:
            status, data = self._session.ask("POST", self._path, body, headers, TIMEOUT_S)
        except (FetchFailed, ConfigurationFailed) as error:
            raise SendFailed(str(error))
        judge_answer(status, data)

    def close(self) -> None:
        """Close the connection."""
        self._session.close()


def judge_answer(status: int, data: bytes) -> None:
    """Raise SendFailed unless the server confirms the message."""
    text = data[:300].decode("utf-8", "replace")
    if status != 200:
        raise SendFailed("HTTP %d: %s" % (status, text))
    try:
        answer = json.loads(data.decode("utf-8"))
    except ValueError:
        raise SendFailed("no JSON but %s" % text)
    if not isinstance(answer, dict) or not answer.get("OK"):
        message = str(answer.get("Message", text)) if isinstance(answer, dict) else text
        raise SendFailed("refused: " + message, "UUID" in message)


def server_uuid(pilot_id: str) -> str:
    """The id if the server accepts it, else 32 hexadecimal digits computed from it."""
    lower = pilot_id.lower()
    return lower if _UUID.match(lower) else hashlib.md5(pilot_id.encode("utf-8")).hexdigest()


def host_certificate(environ: Dict[str, str]) -> str:
    """The folder $X509_USER_PROXY, when it contains hostcert.pem and hostkey.pem."""
    folder = environ.get("X509_USER_PROXY", "")
    both = all(
        os.path.isfile(os.path.join(folder, name)) for name in ("hostcert.pem", "hostkey.pem")
    )
    return folder if folder and both else ""


def tls_context(environ: Dict[str, str]) -> "ssl.SSLContext":
    """A TLS context that presents the proxy or the host certificate and verifies the server."""
    folder = host_certificate(environ)
    if not folder:
        return credentials.tls_context(environ, credentials.proxy_path(environ))
    context = credentials.tls_context(environ)
    try:
        context.load_cert_chain(
            os.path.join(folder, "hostcert.pem"), os.path.join(folder, "hostkey.pem")
        )
    except OSError as error:
        raise ConfigurationFailed("%s/hostcert.pem: cannot be used for TLS: %s" % (folder, error))
    return context

"""Sends events to a message queue (RabbitMQ, ActiveMQ) by STOMP. A message is {"events": [...]},
the format that the pool server accepts."""

import json
import os
from typing import TYPE_CHECKING, Dict, List, Optional

from pilot.base import credentials, stomp
from pilot.errors import ConfigurationFailed
from pilot.events.sender import SendFailed, Transport

if TYPE_CHECKING:
    from pilot.events.event import Event

TIMEOUT_S = 10.0


class QueueBroker(Transport):
    """Connects at the first send, and again after the connection broke. Raises ValueError for an
    invalid URL."""

    def __init__(self, url: str, environ: Optional[Dict[str, str]] = None) -> None:
        self._place = stomp.parse_url(url)
        self.name = self._place.name
        self._environ = dict(os.environ if environ is None else environ)
        self._open: Optional[stomp.StompConnection] = None

    def send(self, events: "List[Event]") -> None:
        """Return when the broker has all events. Raises SendFailed."""
        body = json.dumps({"events": events}).encode("ascii")
        kept = self._open is not None
        try:
            self._open_connection().send(self._place.destination, body, TIMEOUT_S)
        except (stomp.StompError, ConfigurationFailed) as error:
            self.close()
            if kept:  # the broker may have closed an idle connection
                return self.send(events)
            raise SendFailed(str(error))

    def _open_connection(self) -> stomp.StompConnection:
        if self._open is None:
            context = (
                credentials.tls_context(self._environ, credentials.proxy_path(self._environ))
                if self._place.secure
                else None
            )
            self._open = stomp.StompConnection(self._place, context, TIMEOUT_S)
        return self._open

    def close(self) -> None:
        """Close the connection."""
        if self._open is not None:
            self._open.close()
            self._open = None

"""`python3 -m pilot.pool feed QUEUE SERVER`: moves pilots' events from a message queue into a pool
server.

The feed acknowledges a message after the server has stored its events. It rejects messages of other
programs, so that the broker moves them to its dead-letter queue. It reconnects after the queue or
the server was unavailable.
"""

import json
import logging
import os
import random
import signal
import threading
from typing import Dict, List, Optional

from pilot.base import credentials, stomp
from pilot.events.pool_server import PoolServer
from pilot.events.sender import BACK_OFF_S, SendFailed

PREFETCH = 100
LISTEN_S = 1.0
CONNECT_S = 10.0
log = logging.getLogger("pilot.pool")


class Feed:
    """Moves events from one queue to one server. `run` returns after `stop` is set."""

    def __init__(self, source: stomp.BrokerPlace, target: PoolServer, stop: threading.Event) -> None:
        self._source, self._target, self._stop = source, target, stop
        self._environ = dict(os.environ)
        self.moved = self.refused = 0

    def run(self) -> None:
        """Connect and move messages. Reconnect after an error."""
        failures = 0
        while not self._stop.is_set():
            try:
                context = credentials.tls_context(self._environ) if self._source.secure else None
                connection = stomp.StompConnection(self._source, context, CONNECT_S)
                log.info("moving events from %s to %s", self._source.name, self._target.name)
                try:
                    connection.subscribe(self._source.destination, PREFETCH)
                    failures = 0
                    self._move_messages(connection)
                finally:
                    connection.close()
            except stomp.StompError as error:
                log.warning("%s", error)
                self._wait_after(failures)
                failures += 1

    def _move_messages(self, connection: stomp.StompConnection) -> None:
        while not self._stop.is_set():
            message = connection.read_frame(LISTEN_S)
            if message is None:
                continue
            if message.command == "ERROR":
                raise stomp.StompError("the broker says: %s" % message.headers.get("message", ""))
            if message.command == "MESSAGE":
                self._move_one(connection, message)

    def _move_one(self, connection: stomp.StompConnection, message: stomp.Frame) -> None:
        events = read_events(message.body)
        good = events is not None and self._deliver_events(events)
        if good is None:  # the feed stops: the broker delivers this message again
            return
        connection.answer_message(message, good)
        self.moved, self.refused = self.moved + good, self.refused + (not good)

    def _deliver_events(self, events: List[Dict[str, object]]) -> Optional[bool]:
        failures = 0
        while not self._stop.is_set():
            try:
                self._target.send(events)
                return True
            except SendFailed as error:
                if error.final:
                    log.warning("a message is refused: %s", error)
                    return False
                log.warning("%s: %s", self._target.name, error)
                self._wait_after(failures)
                failures += 1
        return None

    def _wait_after(self, failures: int) -> None:
        self._stop.wait(
            BACK_OFF_S[min(failures, len(BACK_OFF_S) - 1)] * (0.75 + 0.5 * random.random())
        )


def read_events(body: bytes) -> Optional[List[Dict[str, object]]]:
    """Return the events in a message, or None if another program sent the message."""
    try:
        content = json.loads(body.decode("utf-8"))
    except ValueError:
        return None
    events = content.get("events") if isinstance(content, dict) else None
    return (
        events
        if isinstance(events, list) and all(isinstance(event, dict) for event in events)
        else None
    )


def run_feed(source: str, target: str) -> int:
    """Run the feed until SIGTERM or SIGINT."""
    stop = threading.Event()
    feed = Feed(stomp.parse_url(source), PoolServer(target), stop)
    for signum in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signum, lambda *_: stop.set())
    feed.run()
    log.info("moved %d messages, refused %d", feed.moved, feed.refused)
    return 0

"""Sends the pilot's events to remote places: opens those named by --events, adds heartbeats and log
lines, and closes them at the end."""

import logging
import os
import time
from typing import Dict, List, Sequence

from pilot.errors import ConfigurationFailed
from pilot.events import event as events, pulse
from pilot.events.log_lines import LogLines
from pilot.events.sender import Sender, Transport
from pilot.events.stream import Stream
from pilot.base.log import Masker

EVERY_S = 10.0  # log lines are flushed at this interval
BEAT_EVERY = 6  # one heartbeat every BEAT_EVERY flushes
CLOSE_S, STOPPED_CLOSE_S = 5.0, 1.5  # time limit for the last events; less after a signal
log = logging.getLogger("pilot")


class Far:
    """All remote places of one pilot."""

    def __init__(self, stream: Stream, workdir: str, masker: Masker) -> None:
        self._stream, self._workdir, self._masker = stream, workdir, masker
        self._senders: List[Sender] = []
        self._lines = LogLines(masker, lambda lines: stream.emit(events.LOG, lines=lines))
        self._turns = 0

    def open(
        self, places: Sequence[str], environ: Dict[str, str], more: Sequence[Transport] = ()
    ) -> None:
        """Start to send events to `places` and to the transports in `more`. Raises
        ConfigurationFailed for a place that can never work."""
        for one in [transport(place, environ) for place in places] + list(more):
            spool = os.path.join(
                self._workdir, ".pilot-spool-%s-%d" % (os.urandom(8).hex(), len(self._senders))
            )
            every = (lambda: None) if self._senders else self._beat_once
            sender = Sender(one, spool, self._stream.count_lost, every, EVERY_S)
            self._senders.append(sender)
            self._stream.attach_sink(sender)

    def hear_log(self) -> None:
        """Send log lines as events from now on, and emit the first heartbeat. Call this after the
        log is set up."""
        logging.getLogger("pilot").addHandler(self._lines)
        self._stream.emit(events.PILOT_HEARTBEAT, **pulse.measure(self._workdir))

    def _beat_once(self) -> None:
        self._lines.flush_lines()
        self._turns += 1
        if self._turns % BEAT_EVERY == 0:
            self._stream.emit(events.PILOT_HEARTBEAT, **pulse.measure(self._workdir))

    def close(self, stopped: bool) -> None:
        """Send the last events; log how many did not arrive."""
        self._lines.flush_lines()
        seconds = STOPPED_CLOSE_S if stopped else CLOSE_S
        for sender in self._senders:
            sender.set_deadline(time.monotonic() + seconds)
        for sender in self._senders:
            missing = sender.close(seconds)
            if missing:
                name, why = sender.transport.name, sender.attempts.why
                log.warning("%d events did not arrive at %s: %s", missing, name, why)


def transport(place: str, environ: Dict[str, str]) -> Transport:
    """The transport for this place. Raises ConfigurationFailed."""
    try:
        if place.startswith("stomp"):
            from pilot.events.queue_broker import QueueBroker

            return QueueBroker(place, environ)
        from pilot.events.pool_server import PoolServer

        return PoolServer(place, environ)
    except ValueError as error:
        raise ConfigurationFailed("--events: %s" % error)

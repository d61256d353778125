"""Sends events to one remote place: a thread sends them in order, retries, sends heartbeats, and
never blocks the pilot.

Delivery is at least once: the sender repeats events that were not acknowledged; the server
identifies an event by (pilot, seq).
"""

import logging
import os
import select
import threading
import time
from collections import deque
from typing import Callable, Deque, List, Optional

from pilot.events.event import PILOT_STOPPING, Event
from pilot.events.outbox import BATCH_EVENTS, Outbox
from pilot.events.pacing import Attempts, Gathering

TOGETHER_S = 1.0  # events of this period are sent in one batch
BACK_OFF_S = (1.0, 2.0, 5.0, 10.0, 30.0, 60.0)
log = logging.getLogger("pilot")


class SendFailed(Exception):
    """The events did not arrive. `final` means that a retry would fail, too."""

    def __init__(self, sentence: str, final: bool = False) -> None:
        super().__init__(sentence)
        self.final = final


class Transport:
    """Delivers events to one place. The sender's thread makes all calls.

    A place that prefers few large messages sets `gather`, the weight of a full batch, and
    `gather_s`, the seconds after which a smaller batch is sent.
    """

    name = ""
    gather = 1
    gather_s = 0.0

    def weigh(self, event: Event) -> int:
        """The weight that an event adds to the batch; 0 for an event that is not urgent."""
        return 1

    def send(self, events: List[Event]) -> None:
        """Deliver all events; return when the other side has them. Raises SendFailed."""
        raise NotImplementedError

    def close(self) -> None:
        """Release the connection: no more events come."""


class Sender:
    """An event sink that sends its events in a thread. The thread calls `every` each `every_s`
    seconds, for example for heartbeats."""

    def __init__(
        self,
        transport: Transport,
        spool: str,
        lose: Callable[[str, int], None],
        every: Callable[[], None] = lambda: None,
        every_s: float = 60.0,
    ) -> None:
        self.transport = transport
        self.attempts = Attempts(BATCH_EVENTS, BACK_OFF_S)
        self._lose, self._every, self._every_s = lose, every, every_s
        self._box = Outbox(spool)
        self._inbox: Deque[Event] = deque()
        self._wake_pipe = os.pipe()
        for end in self._wake_pipe:
            os.set_blocking(end, False)
        self._gathering = Gathering(transport.gather, transport.gather_s)
        self._closing: Optional[float] = None  # deadline of the last events, by the monotonic clock
        self._refused = 0
        self._thread = threading.Thread(target=self._serve_queue, daemon=True)
        self._thread.start()

    def __call__(self, event: Event) -> None:
        self._inbox.append(event)
        self._wake_thread()

    def set_deadline(self, deadline: float) -> None:
        """Accept no more events; send the remaining ones until `deadline`, by the monotonic
        clock."""
        self._closing = deadline
        self._wake_thread()

    def close(self, seconds: float) -> int:
        """Send the remaining events, for at most `seconds`; return how many did not arrive."""
        if self._closing is None:
            self.set_deadline(time.monotonic() + seconds)
        self._thread.join(max(0.0, (self._closing or 0.0) - time.monotonic()) + 0.5)
        missing = len(self._box) + len(self._inbox) + self._box.lost + self._refused
        if not self._thread.is_alive():
            self._box.close()
        if missing:
            self._lose(self.transport.name, missing)
        return missing

    def _wake_thread(self) -> None:
        # a pipe, because signal handlers emit events, too: the lock of an Event may be held already
        try:
            os.write(self._wake_pipe[1], b"x")
        except OSError:  # the pipe is full: the thread is awake
            pass

    def _wait_for_events(self, seconds: float) -> None:
        """Return after `seconds`, or as soon as there is a new event."""
        select.select([self._wake_pipe[0]], [], [], seconds)
        try:
            os.read(self._wake_pipe[0], 4096)
        except BlockingIOError:
            pass

    def _serve_queue(self) -> None:
        next_send, next_beat = 0.0, time.monotonic() + self._every_s
        while True:
            now = time.monotonic()
            if now >= next_beat and self._closing is None:
                self._guard_step(self._every)
                next_beat = now + self._every_s
            self._take_batch()
            if len(self._box) and (
                self._gathering.urgent
                or self._closing is not None
                or now >= max(next_send, self._gathering.ready_at())
            ):
                self._gathering.urgent = False
                next_send = time.monotonic() + self._send_batch()
            if self._closing is not None and (
                not len(self._box) and not self._inbox or time.monotonic() >= self._closing
            ):
                break
            until = (
                min(next_beat, max(next_send, self._gathering.ready_at())) if len(self._box) else next_beat
            )
            self._wait_for_events(
                max(0.0, until - time.monotonic())
                if self._closing is None
                else 0.2 * bool(self.attempts.failures)
            )
        self.transport.close()

    def _take_batch(self) -> None:
        while self._inbox:
            event = self._inbox.popleft()
            if not len(self._box):
                self._gathering.restart(time.monotonic())
            self._box.lost += not self._guard_step(lambda: self._box.put_event(event))
            self._guard_step(lambda: self._weigh_event(event))
            if event["event"] == PILOT_STOPPING:
                self._gathering.urgent = True

    def _weigh_event(self, event: Event) -> None:
        self._gathering.add_weight(self.transport.weigh(event))

    def _guard_step(self, step: Callable[[], None]) -> bool:
        """Run `step`; an exception does not end the thread. Return whether it succeeded."""
        try:
            step()
            return True
        except Exception as error:  # a failing sink must stop neither the pilot nor this thread
            log.warning("%s: %s: %s", self.transport.name, type(error).__name__, error)
            return False

    def _send_batch(self) -> float:
        """Try to send the next batch; return the seconds until the next attempt."""
        batch: List[Event] = []
        try:
            batch = self._box.peek_batch(self.attempts.batch_size)
            self.transport.send(batch)
        except SendFailed as error:
            return self._note_failure(error, len(batch))
        except Exception as error:  # the thread continues after any error
            return self._note_failure(
                SendFailed("%s: %s" % (type(error).__name__, error)), len(batch)
            )
        self._box.drop_sent(len(batch))
        if self.attempts.failures:
            log.info("events arrive again at %s", self.transport.name)
        self.attempts.note_success()
        return 0.0 if len(self._box) else TOGETHER_S

    def _note_failure(self, error: SendFailed, count: int) -> float:
        self.attempts.why = str(error)
        if error.final and count > 1:
            self.attempts.shrink_batch(count)
            return 0.0
        if error.final:
            log.warning("an event is refused by %s: %s", self.transport.name, error)
            self._box.drop_sent(1)
            self._refused += 1
            return 0.0
        if not self.attempts.failures:
            log.warning(
                "events do not arrive at %s: %s; they are kept and sent later",
                self.transport.name,
                error,
            )
        return self.attempts.note_failure()

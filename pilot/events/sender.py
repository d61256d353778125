"""A far place for events: one thread sends them in order, tries again, beats the heart, and never
holds the pilot up.

At least once: what was sent and not acknowledged is sent again; the server knows an event by
(pilot, seq).
"""

import logging
import os
import random
import select
import threading
import time
from collections import deque
from typing import Callable, Deque, List, Optional

from pilot.events.event import PILOT_STOPPING, Event
from pilot.events.outbox import BATCH_EVENTS, Outbox

TOGETHER_S = 1.0  # events of so long travel together
BACK_OFF_S = (1.0, 2.0, 5.0, 10.0, 30.0, 60.0)
log = logging.getLogger("pilot")


class SendFailed(Exception):
    """It did not arrive; `final`: nor will it if it is tried again."""

    def __init__(self, sentence: str, final: bool = False) -> None:
        super().__init__(sentence)
        self.final = final


class Transport:
    """How events get to one place. All is called in the sender's thread.

    A place that wants few large messages sets `gather`, the weight that travels together, and
    `gather_s`, the seconds after which less will do.
    """

    name = ""
    gather = 1
    gather_s = 0.0

    def weigh(self, event: Event) -> int:
        """What an event adds to what is gathered; 0: nobody need hurry for it."""
        return 1

    def send(self, events: List[Event]) -> None:
        """Deliver all of them; returns when the other side has them. Raises SendFailed."""
        raise NotImplementedError

    def close(self) -> None:
        """No more events come."""


class Sender:
    """A sink whose events travel. `every` is called each `every_s` seconds in its thread: for the
    heartbeat and such."""

    def __init__(
        self,
        transport: Transport,
        spool: str,
        lose: Callable[[str, int], None],
        every: Callable[[], None] = lambda: None,
        every_s: float = 60.0,
    ) -> None:
        self.name, self.why = transport.name, "not in time"  # why the last attempt failed
        self._transport, self._lose, self._every, self._every_s = transport, lose, every, every_s
        self._box = Outbox(spool)
        self._inbox: Deque[Event] = deque()
        self._wake_read, self._wake_write = os.pipe()
        for end in (self._wake_read, self._wake_write):
            os.set_blocking(end, False)
        self._closing: Optional[float] = None  # by when to be done, by the monotonic clock
        self._failures = 0
        self._refused = 0
        self._most = BATCH_EVENTS  # fewer after a refusal, until what is refused is found
        self._weight, self._since = 0, 0.0  # what was gathered, and since when
        self._urgent = False
        self._thread = threading.Thread(target=self._serve_queue, daemon=True)
        self._thread.start()

    def __call__(self, event: Event) -> None:
        self._inbox.append(event)
        self._wake_thread()

    def hurry(self, deadline: float) -> None:
        """Nothing more comes: what is left has until then, by the monotonic clock."""
        self._closing = deadline
        self._wake_thread()

    def close(self, seconds: float) -> int:
        """Send what is left, at most so long; returns how many events did not arrive."""
        if self._closing is None:
            self.hurry(time.monotonic() + seconds)
        self._thread.join(max(0.0, (self._closing or 0.0) - time.monotonic()) + 0.5)
        missing = len(self._box) + len(self._inbox) + self._box.lost + self._refused
        if not self._thread.is_alive():
            self._box.close()
        if missing:
            self._lose(self._transport.name, missing)
        return missing

    def _wake_thread(self) -> None:
        try:
            os.write(self._wake_write, b"x")
        except OSError:  # full: it is awake
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
                self._urgent
                or self._closing is not None
                or now >= max(next_send, self._gathered_at())
            ):
                self._urgent = False
                next_send = time.monotonic() + self._send_batch()
            if self._closing is not None and (
                not len(self._box) and not self._inbox or time.monotonic() >= self._closing
            ):
                break
            until = (
                min(next_beat, max(next_send, self._gathered_at())) if len(self._box) else next_beat
            )
            self._sleep_for(
                max(0.0, until - time.monotonic())
                if self._closing is None
                else 0.2 * bool(self._failures)
            )
        self._transport.close()

    def _sleep_for(self, seconds: float) -> None:
        """Until there is something to do; new events are let gather for a moment."""
        select.select([self._wake_read], [], [], seconds)
        try:
            os.read(self._wake_read, 4096)
        except BlockingIOError:
            pass

    def _take_batch(self) -> None:
        while self._inbox:
            event = self._inbox.popleft()
            if not len(self._box):
                self._weight, self._since = 0, time.monotonic()
            self._box.lost += not self._guard_step(lambda: self._box.put(event))
            self._guard_step(lambda: self._weigh_event(event))
            self._urgent = self._urgent or event["event"] == PILOT_STOPPING

    def _weigh_event(self, event: Event) -> None:
        self._weight += self._transport.weigh(event)

    def _gathered_at(self) -> float:
        """From when on what was gathered may travel, by the monotonic clock."""
        return (
            0.0
            if self._weight >= self._transport.gather
            else self._since + self._transport.gather_s
        )

    def _guard_step(self, step: Callable[[], None]) -> bool:
        """Do it; whatever goes wrong, the thread goes on. Returns whether it went well."""
        try:
            step()
            return True
        except Exception as error:  # a sink hurts nobody, itself included
            log.warning("%s: %s: %s", self._transport.name, type(error).__name__, error)
            return False

    def _send_batch(self) -> float:
        """Try the next batch; returns the seconds until another try makes sense."""
        batch: List[Event] = []
        try:
            batch = self._box.peek(self._most)
            self._transport.send(batch)
        except SendFailed as error:
            return self._note_failure(error, len(batch))
        except Exception as error:  # whatever it is, the story goes on
            return self._note_failure(
                SendFailed("%s: %s" % (type(error).__name__, error)), len(batch)
            )
        self._box.sent(len(batch))
        self._most = min(BATCH_EVENTS, 2 * self._most)
        if self._failures:
            log.info("events arrive again at %s", self._transport.name)
        self._failures = 0
        return 0.0 if len(self._box) else TOGETHER_S

    def _note_failure(self, error: SendFailed, count: int) -> float:
        self.why = str(error)
        if error.final and count > 1:
            self._most = count // 2
            return 0.0
        if error.final:
            log.warning("an event is refused by %s: %s", self._transport.name, error)
            self._box.sent(1)
            self._refused += 1
            return 0.0
        if not self._failures:
            log.warning(
                "events do not arrive at %s: %s; they are kept and sent later",
                self._transport.name,
                error,
            )
        wait = BACK_OFF_S[min(self._failures, len(BACK_OFF_S) - 1)]
        self._failures += 1
        return wait * (0.75 + 0.5 * random.random())

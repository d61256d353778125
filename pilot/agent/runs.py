"""The payloads of a slot: the running ones, and those claimed ahead that wait for a free place."""

import time
from typing import Callable, Dict, List, NamedTuple, Optional, Tuple

from pilot.agent import capacity, room
from pilot.agent.config import AgentConfig
from pilot.agent.leases import Key
from pilot.agent.payload import Payload
from pilot.agent.payload_context import AttemptEnd, PayloadContext
from pilot.agent.slot import Slot
from pilot.agent.timing import AHEAD_S, AHEAD_SLOTS, SHORT_S, claim_count
from pilot.events.endings import AttemptOutcome
from pilot.pool.interface import Lease, Offer


class RunEvents(NamedTuple):
    """Callbacks for what happens to a payload."""

    started: Callable[[Key], None]
    ended: Callable[[Payload, AttemptEnd], None]
    returned: Callable[[List[Lease]], None]  # leases given back before their payloads started
    lacks_room: Callable[[str], None]  # the node lacks something that another payload needs


class Runs:
    """Starts claimed tasks as soon as they fit; `open` says whether more may start."""

    def __init__(self, config: AgentConfig, shared: PayloadContext, slot: Slot) -> None:
        self.open = True
        self.claimed = 0
        self.last_s = 2 * SHORT_S  # duration of the last payload
        self._config, self._shared, self._slot = config, shared, slot
        self._running: Dict[Key, Payload] = {}
        self._ahead: List[Tuple[Payload, float]] = []  # and the time since which they wait
        self._events: Optional[RunEvents] = None

    def notify(self, events: RunEvents) -> None:
        """Set the callbacks."""
        self._events = events

    @property
    def running(self) -> bool:
        """Whether any payload runs."""
        return bool(self._running)

    @property
    def ahead(self) -> int:
        """How many claimed tasks wait for a free place."""
        return len(self._ahead)

    def offer_free(self) -> Optional[Offer]:
        """The capacity that is free now; None when the agent may claim nothing more."""
        return self._slot.offer(self._running.values()) if self._may_claim() else None

    def offer_ahead(self) -> Optional[Offer]:
        """The capacity that will be free when the oldest payload ends; only for short payloads."""
        short = self._running and self.last_s <= SHORT_S and self._config.slots <= AHEAD_SLOTS
        if not short or not self._may_claim():
            return None
        return self._slot.offer(list(self._running.values())[1:])

    def count_wanted(self) -> int:
        """How many tasks to claim in one request."""
        return claim_count(self.last_s, self._config.slots, self._config.max_tasks, self.claimed)

    def is_spent(self) -> bool:
        """Whether the agent has claimed as many tasks as --max-tasks allows."""
        return self.claimed == self._config.max_tasks

    def _may_claim(self) -> bool:
        return self.open and not self.is_spent() and not self._ahead

    def take_lease(self, lease: Lease) -> None:
        """Accept a claimed task: start it now, or as soon as it fits."""
        self.claimed += 1
        payload = Payload(lease, self._shared, self._free_place, self._take_result)
        self._ahead.append((payload, time.monotonic()))
        self._start_ahead()
        if not self.open:
            self.give_back_ahead()
        elif self._ahead:
            self._shared.loop.after(AHEAD_S, self.give_back_ahead)

    def _start_ahead(self) -> None:
        """Start tasks that were claimed ahead and fit now; prepare the next one."""
        while self._ahead and self.open:
            free, payload = self._slot.free(self._running.values()), self._ahead[0][0]
            if not capacity.fits(free, payload.spec):
                return payload.prepare()
            lack = room.describe_lack(self._config.workdir, self._config.min_disk_mb)
            # the node causes this: the agent gives everything back and claims nothing more here
            if lack:
                return self._tell().lacks_room(lack)
            del self._ahead[0]
            key = key_of(payload.lease)
            self._tell().started(key)
            self._running[key] = payload
            payload.start(free.gpus[: payload.spec.get("gpus", 0)])

    def give_back_ahead(self) -> None:
        """Give waiting tasks back to the pool: the slot is not free in time, or nothing more may
        start. Other agents get the tasks."""
        now = time.monotonic()
        late = [item for item in self._ahead if not self.open or now - item[1] >= AHEAD_S]
        for item in late:
            self._ahead.remove(item)
            self.claimed -= 1
            item[0].discard()
        if late:
            self.last_s = 2 * SHORT_S
            self._tell().returned([payload.lease for payload, _ in late])

    def _free_place(self, payload: Payload) -> None:
        """No process of this payload runs any more."""
        del self._running[key_of(payload.lease)]
        self._start_ahead()

    def _take_result(self, payload: Payload, end: AttemptEnd) -> None:
        self.last_s = end.seconds
        self._tell().ended(payload, end)

    def extend(self, keys: List[Key]) -> None:
        """Extend the payloads whose leases were renewed."""
        for key in keys:
            if key in self._running:
                self._running[key].extend()

    def lose(self, key: Key, why: str) -> None:
        """Stop the payload of a lease that another pilot has now, or soon may have."""
        for item in [item for item in self._ahead if key_of(item[0].lease) == key]:
            self._ahead.remove(item)
            item[0].discard()
        if key in self._running:
            self._running[key].stop(AttemptOutcome.LOST, why, self._config.stop_grace_s)

    def stop_all(self, reason: str, grace_s: float) -> None:
        """Stop every payload and release its task."""
        for payload in list(self._running.values()):
            payload.stop(AttemptOutcome.RELEASED, reason, grace_s)
        self.give_back_ahead()

    def _tell(self) -> RunEvents:
        assert self._events is not None, "notify comes first"
        return self._events


def key_of(lease: Lease) -> Key:
    """The key of a lease: task and generation."""
    return lease.task, lease.generation

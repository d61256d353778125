"""The agent: fills the slot with payloads, keeps their leases, reports their ends, stops in
time."""

import logging
import signal
import time
from typing import Dict, List, Optional, Tuple

from pilot.agent import capacity, enquiry, room
from pilot.agent.care import Care
from pilot.agent.clock import boot_s
from pilot.agent.config import AgentConfig
from pilot.agent.errands import TURN, Errands
from pilot.agent.exchange import Exchange
from pilot.agent.leases import Key, Leases
from pilot.agent.ledger import Ledger
from pilot.agent.loop import Timer
from pilot.agent.patience import (
    AHEAD_S,
    AHEAD_SLOTS,
    LOOK_S,
    POLL_S,
    RETRY_PATIENCE_S,
    RETRY_S,
    SHORT_S,
    STOP_REPORT_S,
    SWEEP_S,
    WAIT_S,
    End,
    claim_count,
    patience_s,
    report_delay_s,
)
from pilot.agent.payload import Payload
from pilot.agent.slot import Slot
from pilot.agent.surroundings import Ending, Surroundings
from pilot.agent.suspicion import Suspicion
from pilot.node.deadline import Deadline
from pilot.pool.interface import Backlog, Busy, Denied, Lease, Offer

DRAINS = (signal.SIGUSR1, signal.SIGUSR2)
log = logging.getLogger("pilot.agent")


class Agent:
    """Call `begin`, then run the loop; afterwards `end` says how it went."""

    def __init__(
        self,
        config: AgentConfig,
        errands: Errands,
        around: Surroundings,
        deadline: Deadline,
        leases: Leases,
    ) -> None:
        self.end: Optional[End] = None
        self._config, self._errands, self._around, self._deadline = (
            config,
            errands,
            around,
            deadline,
        )
        self._loop, self._tell = around.loop, around.tell
        self._leases, self._slot = leases, Slot(config, deadline)
        self._exchange = Exchange(config, around.loop, errands)
        self._payloads: Dict[Key, Payload] = {}
        # claimed, waiting for a free slot, since when
        self._ahead: List[Tuple[Payload, float]] = []
        self._ledger = Ledger(
            around.tell, lambda lease: self._leases.drop((lease.task, lease.generation))
        )
        self._claimed = self._empty_polls = self._failures = 0
        self._last_s = 2 * SHORT_S  # how long the last payload took
        # since when the pool does not answer; 0: it does
        self._idle_since, self._silent_since = time.monotonic(), 0.0
        self._turn_timer: Optional[Timer] = None
        self._sweep_timer: Optional[Timer] = None
        self._stopping = self._met = False  # met: the pool has answered us
        self._again = False  # a turn was wished for while one was under way
        self._wait_s = 0.0  # how long the next claim may wait at the pool for work
        self._suspicion = Suspicion(config.max_quick_failures)

    def begin(self) -> None:
        """First claim, and the regular duties."""
        Care(
            self._config,
            self._loop,
            self._errands,
            self._leases,
            self._lose_lease,
            self._extend_leases,
        ).begin()
        self._read_ends()
        self._take_turn()

    def _turn_soon(self, seconds: float = 0.0) -> None:
        if self._turn_timer is not None:
            self._turn_timer.cancel()
        self._turn_timer = self._loop.after(seconds, self._take_turn)

    def _take_turn(self) -> None:
        """Report what ended and claim what fits: one exchange, which is one transaction of the
        pool."""
        self._turn_timer = None
        if self._errands.busy(TURN):
            return self._hurry_turn()
        self._again = False
        offer, finals = self._offer_free() or self._offer_ahead(), self._ledger.finals()
        if offer is None and not finals and not self._exchange.open_claim:
            return self._after_turn()
        wait_s, self._wait_s = (self._wait_s if offer and not finals else 0.0), 0.0
        count = claim_count(self._last_s, self._config.slots, self._config.max_tasks, self._claimed)
        self._exchange.ask(
            finals,
            offer,
            count,
            min(wait_s, self._config.lease_s / 2),
            self._take_answer,
            self._bear_silence,
        )

    def _hurry_turn(self) -> None:
        """The turn under way may be waiting for work: let it come back."""
        if not self._again:
            self._again = True
            self._errands.hurry(self._config.pilot)

    def _take_answer(
        self, states: Dict[Key, str], leases: List[Lease], asked: float, wait_s: float
    ) -> None:
        again, self._again = self._again, False
        self._failures, self._silent_since, self._met = 0, 0.0, True
        self._ledger.settle(states)
        for lease in leases:
            self._take_lease(lease, asked)
        if wait_s and boot_s() - asked > wait_s / 2:
            self._empty_polls = 0  # it did wait, so that we need not
        if leases or again or self._ledger:
            self._turn_soon()
        else:
            self._after_turn()

    def _offer_free(self) -> Optional[Offer]:
        """What is free now, unless nothing more may be claimed."""
        return self._slot.offer(self._payloads.values()) if self._may_claim() else None

    def _offer_ahead(self) -> Optional[Offer]:
        """What will be free when the oldest payload ends: asked for only while payloads are
        short."""
        short = self._payloads and self._last_s <= SHORT_S and self._config.slots <= AHEAD_SLOTS
        return (
            self._slot.offer(list(self._payloads.values())[1:])
            if short and self._may_claim()
            else None
        )

    def _may_claim(self) -> bool:
        return self.end is None and self._claimed != self._config.max_tasks and not self._ahead

    def _take_lease(self, lease: Lease, asked: float) -> None:
        self._claimed += 1
        self._empty_polls = 0
        self._leases.add(
            (lease.task, lease.generation),
            min(boot_s(), asked - (self._config.lease_s - lease.seconds)),
        )
        self._tell(
            "task claimed", task=lease.task, generation=lease.generation, attempt=lease.attempt
        )
        self._ahead.append(
            (Payload(lease, self._around, self._fill_place, self._take_result), time.monotonic())
        )
        self._start_ahead()
        if self.end is not None:
            self._give_back_ahead()
        elif self._ahead:
            self._loop.after(AHEAD_S, self._give_back_ahead)

    def _start_ahead(self) -> None:
        """Start what was claimed ahead as far as it fits now; the next of it is made ready."""
        while self._ahead and self.end is None:
            free, payload = self._slot.free(self._payloads.values()), self._ahead[0][0]
            if not capacity.fits(free, payload.spec):
                return payload.prepare()
            if self._lacks_room():
                return
            del self._ahead[0]
            key = (payload.lease.task, payload.lease.generation)
            self._exchange.begun(key)
            self._payloads[key] = payload
            payload.start(free.gpus[: payload.spec.get("gpus", 0)])

    def _lacks_room(self) -> bool:
        """What the node lacks for another payload is the node's fault: everything is given back,
        and nothing more claimed here."""
        lack = room.describe_lack(self._config.workdir, self._config.min_disk_mb)
        if lack:
            self.end = End("node", lack)
            self._give_back_ahead()
        return bool(lack)

    def _give_back_ahead(self) -> None:
        """The slot is not free as soon as we thought, or we are ending: others shall have the
        task."""
        now = time.monotonic()
        late = [item for item in self._ahead if self.end is not None or now - item[1] >= AHEAD_S]
        for item in late:
            self._ahead.remove(item)
            self._claimed -= 1
            item[0].discard()
            self._ledger.add(
                item[0].lease,
                Ending("returned", "claimed ahead, but the slot was not free", {}, 0.0),
            )
        if late:
            self._last_s = 2 * SHORT_S
            self._turn_soon()

    def _fill_place(self, payload: Payload) -> None:
        """Nothing of this payload runs any more: its place is free."""
        del self._payloads[(payload.lease.task, payload.lease.generation)]
        self._start_ahead()

    def _take_result(self, payload: Payload, ending: Ending) -> None:
        """A payload's result is there: keep it for the next turn."""
        self._idle_since, self._last_s = time.monotonic(), ending.seconds
        self._exchange.ended((payload.lease.task, payload.lease.generation))
        self._ledger.add(payload.lease, ending)
        sick = (
            ending.reason
            if ending.node
            else self._suspicion.note(ending.outcome, ending.seconds, ending.reason)
        )
        if sick and self.end is None:
            self.stop(End("node", sick), self._config.stop_grace_s)
        self._sweep_timer = self._sweep_timer or self._loop.after(SWEEP_S, self.sweep)
        self._turn_soon(report_delay_s(self._last_s, len(self._ahead)))

    def _after_turn(self) -> None:
        if self._turn_timer is not None:
            return
        if self._payloads or self._ahead:
            if self._offer_free() is not None:
                self._ask_later()
            return
        if self.end is None:
            self._without_work()
        if (
            self.end is not None
            and not self._ledger
            and not self._exchange.open_claim
            and not self._errands.busy(TURN)
        ):
            self._loop.stop()

    def _ask_later(self) -> None:
        """Ask again later; a server may be asked at once, as it is to wait for work with its
        answer."""
        self._wait_s = WAIT_S
        if self.end is None and not self._payloads and not self._ahead:
            self._wait_s = min(
                WAIT_S, max(0.5, self._config.idle_s - (time.monotonic() - self._idle_since))
            )
        at_once = self._errands.remote and not self._empty_polls
        self._turn_soon(0.0 if at_once else POLL_S[min(self._empty_polls, len(POLL_S) - 1)])
        self._empty_polls += 1

    def _without_work(self) -> None:
        """Nothing runs and nothing could be claimed: stay a while, or end."""
        if self._claimed == self._config.max_tasks:
            self.end = End(
                "work", "%d tasks were claimed, as many as --max-tasks allows" % self._claimed
            )
        elif self._offer_free() is None:
            self.end = End(
                "drain" if self._claimed else "time",
                "no time is left for another task: %.0f s" % (self._slot.time_left_s() or 0),
            )
        else:
            offer = self._offer_free() or Offer()
            self._errands.ask(
                TURN, lambda pool: pool.backlog(offer), self._wait_or_end, self._bear_silence
            )

    def _wait_or_end(self, backlog: Backlog) -> None:
        """Wait for another attempt at a task that failed, for new work, or end."""
        if self.end is not None:
            return self._turn_soon()
        idle, left, wait = (
            time.monotonic() - self._idle_since,
            self._slot.time_left_s(),
            backlog.retry_s,
        )
        soon = wait is not None and (
            self._config.wait_for_retries
            or wait <= max(self._config.idle_s, RETRY_PATIENCE_S) - idle
        )
        if wait is not None and soon and (left is None or wait < left):
            self._turn_soon(min(wait + 0.05, POLL_S[-1]))
        elif idle < self._config.idle_s:
            self._ask_later()
        else:
            self.end = End("work", enquiry.why_no_work(backlog))
            self._turn_soon()

    def _bear_silence(self, error: Busy) -> None:
        now = time.monotonic()
        self._silent_since = self._silent_since or now
        silent = now - self._silent_since
        # a wrong token at the start is no outage
        hopeless = isinstance(error, Denied) and not self._met
        if not self._payloads and (
            hopeless
            or silent > (STOP_REPORT_S if self._stopping else patience_s(self._slot.time_left_s()))
        ):
            log.error(
                "%s; given up after %.0f s, the ends of %d tasks could not be reported",
                error,
                silent,
                len(self._ledger),
            )
            if self.end is None or self._ledger:
                self.end = End("pool", str(error))
            return self._loop.stop()
        wait = RETRY_S[min(self._failures, len(RETRY_S) - 1)] if self.end is None else RETRY_S[0]
        log.warning("%s; trying again in %g s", error, wait)
        self._failures += 1
        self._turn_soon(wait)

    def _extend_leases(self, keys: List[Key]) -> None:
        for key in keys:
            if key in self._payloads:
                self._payloads[key].extend()

    def _lose_lease(self, key: Key, why: str) -> None:
        """This lease is another's, or soon may be: what runs under it ends."""
        self._leases.drop(key)
        for item in [
            item for item in self._ahead if (item[0].lease.task, item[0].lease.generation) == key
        ]:
            self._ahead.remove(item)
            item[0].discard()
        if key in self._payloads:
            self._payloads[key].stop("lost", why, self._config.stop_grace_s)

    def _read_ends(self) -> None:
        """Read the ends of the slot anew; stop in time, drain when told."""
        self._deadline.refresh()
        drain = self._deadline.draining()
        if drain:
            self.drain("the drain file %s is there" % drain)
        left, end = self._slot.time_left_s(), self._deadline.end()
        if left is not None and left <= 0 and end is not None and self._payloads:
            self.stop(
                End("time", "the slot's end by %s" % end.source, True), self._config.stop_grace_s
            )
        self._loop.after(max(0.2, min(LOOK_S, LOOK_S if left is None else left)), self._read_ends)

    def drain(self, reason: str) -> None:
        """Claim nothing more; what runs may finish."""
        if self.end is None:
            log.info("draining: %s", reason)
            self.end = End("drain", reason)
            self._give_back_ahead()
            self._turn_soon()

    def stop(self, end: End, grace_s: float) -> None:
        """End every payload, release its task, and then the agent. Called again it hurries."""
        if self.end is None or self.end.kind == "drain":
            self.end = end
            self._silent_since = 0.0
        for payload in list(self._payloads.values()):
            payload.stop("released", self.end.reason, grace_s)
        self._give_back_ahead()
        self._turn_soon()
        if not self._stopping:
            self._stopping = True
            self._loop.after(grace_s + STOP_REPORT_S, self._give_up)

    def _give_up(self) -> None:
        """Leave a pool that does not answer: its leases end by themselves."""
        if (
            self._payloads
            or not self._errands.busy(TURN)
            or boot_s() - self._exchange.asked < STOP_REPORT_S
        ):
            self._loop.after(STOP_REPORT_S / 5, self._give_up)
            return
        log.error(
            "the pool does not answer in time: the ends of %d tasks could not be reported",
            len(self._ledger),
        )
        self._loop.stop()

    def on_signal(self, signum: int) -> None:
        """SIGUSR1 and SIGUSR2 drain; any other stops now, and a second one without grace."""
        if signum in DRAINS:
            return self.drain("the pilot was asked to")
        again = self.end is not None and self.end.kind == "signal"
        self.stop(
            End("signal", "the pilot was stopped"), 0.0 if again else self._config.stop_grace_s
        )

    def on_pilot_gone(self) -> None:
        """Nobody reads our story any more: the pilot was killed."""
        self.stop(End("pilot", "the pilot is gone"), self._config.stop_grace_s)

    def sweep(self) -> None:
        """End what payloads that are over left behind."""
        self._sweep_timer = None
        self._around.strays.sweep()

"""The agent's turns: each one reports ends and claims tasks that fit, in one exchange with the
pool."""

import logging
from typing import Callable, Dict, List, NamedTuple, Optional

from pilot.agent import pool_reasons
from pilot.agent.clock import boot_s
from pilot.agent.exchange import Exchange
from pilot.agent.idling import Idling
from pilot.agent.leases import Key
from pilot.agent.ledger import Ledger
from pilot.agent.loop import Timer
from pilot.agent.outage import Outage
from pilot.agent.payload_context import PayloadContext
from pilot.agent.pool_queries import EXCHANGE, PoolQueries
from pilot.agent.runs import Runs
from pilot.agent.slot import Slot
from pilot.agent.timing import RETRY_S, AgentEnd, EndKind
from pilot.events.event import AGENT_IDLE
from pilot.pool.interface import Backlog, Busy, Lease, Offer

log = logging.getLogger("pilot.agent")


class TurnEvents(NamedTuple):
    """Callbacks for the outcome of a turn."""

    granted: Callable[[Lease, float], None]  # a lease, and the time of its request
    finish: Callable[[AgentEnd], None]  # the agent has nothing more to do
    patience_s: Callable[[], float]  # how long the agent retries a pool that does not answer


class Turns:
    """Runs one turn at a time; `soon` schedules the next."""

    def __init__(
        self,
        shared: PayloadContext,
        queries: PoolQueries,
        exchange: Exchange,
        ledger: Ledger,
        runs: Runs,
        slot: Slot,
        events: TurnEvents,
    ) -> None:
        self.idling, self.outage = Idling(shared.config), Outage()
        self._shared, self._queries, self._exchange = shared, queries, exchange
        self._ledger, self._runs, self._slot, self._events = ledger, runs, slot, events
        self._timer: Optional[Timer] = None
        self._again = False  # a request for another turn came while one was under way
        self._wait_s = 0.0  # how long the next claim may wait at the pool for work

    def soon(self, seconds: float = 0.0) -> None:
        """Schedule the next turn in so many seconds."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._shared.loop.after(seconds, self.take)

    def take(self) -> None:
        """Run one turn."""
        self._timer = None
        if self._queries.busy(EXCHANGE):
            return self._hurry()
        self._again = False
        offer = self._runs.offer_free() or self._runs.offer_ahead()
        finals = self._ledger.finals()
        if offer is None and not finals and not self._exchange.open_claim:
            return self._after_turn()
        wait_s, self._wait_s = (self._wait_s if offer and not finals else 0.0), 0.0
        wait_s = min(wait_s, self._shared.config.lease_s / 2)
        self._exchange.ask(
            finals, offer, self._runs.count_wanted(), wait_s, self._take_answer, self._bear_silence
        )

    def _hurry(self) -> None:
        """Let the server answer the current turn if it waits for work."""
        if not self._again:
            self._again = True
            self._queries.hurry(self._shared.config.pilot)

    def _take_answer(
        self, states: Dict[Key, str], leases: List[Lease], asked: float, wait_s: float
    ) -> None:
        again, self._again = self._again, False
        self.outage.end()
        self._ledger.settle(states)
        for lease in leases:
            self._events.granted(lease, asked)
        if leases or wait_s and boot_s() - asked > wait_s / 2:
            self.idling.note_answer()
        if leases or again or self._ledger:
            self.soon()
        else:
            self._after_turn()

    def _after_turn(self) -> None:
        if self._timer is not None:
            return
        if self._runs.running or self._runs.ahead:
            if self._runs.offer_free() is not None:
                self._ask_later()
            return
        if self._runs.open:
            self._without_work()
        reported = not self._ledger and not self._exchange.open_claim
        if not self._runs.open and reported and not self._queries.busy(EXCHANGE):
            self._shared.loop.stop()

    def _ask_later(self) -> None:
        alone = self._runs.open and not self._runs.running and not self._runs.ahead
        self._wait_s = self.idling.wait_at_pool_s(alone)
        self.soon(self.idling.next_poll_s(self._queries.remote))

    def _without_work(self) -> None:
        """Nothing runs and the claim got nothing: wait a while, or end."""
        claimed, offer = self._runs.claimed, self._runs.offer_free()
        if self._runs.is_spent():
            reason = "%d tasks were claimed, as many as --max-tasks allows" % claimed
            self._events.finish(AgentEnd(EndKind.WORK, reason))
        elif offer is None:
            left_s = self._slot.time_left_s() or 0
            reason = "no time is left for another task: %.0f s" % left_s
            self._events.finish(AgentEnd(EndKind.DRAIN if claimed else EndKind.TIME, reason))
        else:
            wanted: Offer = offer
            self._queries.ask(
                EXCHANGE,
                lambda pool: pool.backlog(wanted),
                self._wait_or_end,
                self._bear_silence,
            )

    def _wait_or_end(self, backlog: Backlog) -> None:
        """Wait for a retry of a task that failed, or for new work, or end."""
        if not self._runs.open:
            return self.soon()
        wait_s = self.idling.retry_wait_s(backlog, self._slot.time_left_s())
        reason = "" if wait_s is not None else self.idling.reason_to_end(backlog)
        if not reason:
            news = self.idling.news(backlog)
            if news:
                self._shared.tell(AGENT_IDLE, reason=news)
            return self._ask_later() if wait_s is None else self.soon(wait_s)
        pool_reasons.warn_of_misfits(backlog)
        self._events.finish(AgentEnd(EndKind.WORK, reason))
        self.soon()

    def _bear_silence(self, error: Busy) -> None:
        """The pool does not answer: retry, unless that has lasted too long."""
        silent_s, hopeless = self.outage.note_failure(), self.outage.is_hopeless(error)
        if not self._runs.running and (hopeless or silent_s > self._events.patience_s()):
            log.error(
                "%s; given up after %.0f s, the ends of %d tasks could not be reported",
                error,
                silent_s,
                len(self._ledger),
            )
            if self._runs.open or self._ledger:
                self._events.finish(AgentEnd(EndKind.POOL, str(error)))
            return self._shared.loop.stop()
        wait_s = self.outage.retry_s() if self._runs.open else RETRY_S[0]
        log.warning("%s; trying again in %g s", error, wait_s)
        self.soon(wait_s)

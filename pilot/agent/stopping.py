"""How an agent ends: it drains, or it stops its payloads in time and step by step."""

import logging
from typing import Optional

from pilot.agent.clock import boot_s
from pilot.agent.exchange import Exchange
from pilot.agent.ledger import Ledger
from pilot.agent.payload_context import PayloadContext
from pilot.agent.pool_queries import EXCHANGE, PoolQueries
from pilot.agent.runs import Runs
from pilot.agent.slot import Slot
from pilot.agent.timing import LOOK_S, AgentEnd, EndKind, patience_s
from pilot.agent.turns import Turns
from pilot.base.interrupts import DRAIN_SIGNALS
from pilot.base.shared_defaults import STOP_REPORT_S
from pilot.node.deadline import Deadline


log = logging.getLogger("pilot.agent")


class Stopping:
    """`end` says why the agent ends, as soon as that is known."""

    def __init__(
        self,
        shared: PayloadContext,
        deadline: Deadline,
        slot: Slot,
        runs: Runs,
        ledger: Ledger,
        exchange: Exchange,
        queries: PoolQueries,
    ) -> None:
        self.end: Optional[AgentEnd] = None
        self._shared, self._deadline, self._slot, self._runs = shared, deadline, slot, runs
        self._ledger, self._exchange, self._queries = ledger, exchange, queries
        self._turns: Optional[Turns] = None
        self._begun = False

    def attach(self, turns: Turns) -> None:
        """Set the objects that report to the pool."""
        self._turns = turns

    def finish(self, end: AgentEnd) -> None:
        """Claim and start nothing more, for this reason."""
        self.end = end
        self._runs.open = False

    def patience_s(self) -> float:
        """How long the agent repeats requests to a pool that does not answer while nothing runs."""
        return STOP_REPORT_S if self._begun else patience_s(self._slot.time_left_s())

    def watch_deadline(self) -> None:
        """Read the ends of the slot again and again; stop in time, drain on request."""
        self._deadline.update_ends()
        drain = self._deadline.drain_file()
        if drain:
            self.drain("the drain file %s exists" % drain)
        left_s, end = self._slot.time_left_s(), self._deadline.end()
        if left_s is not None and left_s <= 0 and end is not None and self._runs.running:
            reason = "the slot's end by %s" % end.source
            self.stop(AgentEnd(EndKind.TIME, reason, True), self._shared.config.stop_grace_s)
        soon_s = LOOK_S if left_s is None else max(0.2, min(LOOK_S, left_s))
        self._shared.loop.after(soon_s, self.watch_deadline)

    def drain(self, reason: str) -> None:
        """Claim nothing more; running payloads may finish."""
        if self.end is None:
            log.info("draining: %s", reason)
            self.finish(AgentEnd(EndKind.DRAIN, reason))
            self._runs.give_back_ahead()
            self._take_turn_soon()

    def stop(self, end: AgentEnd, grace_s: float) -> None:
        """Stop every payload, release its task, then end the agent. A second call shortens the
        grace."""
        if self.end is None or self.end.kind == EndKind.DRAIN:
            self.finish(end)
            if self._turns is not None:
                self._turns.outage.restart()
        self._runs.stop_all((self.end or end).reason, grace_s)
        self._take_turn_soon()
        if not self._begun:
            self._begun = True
            self._shared.loop.after(grace_s + STOP_REPORT_S, self._give_up)

    def on_signal(self, signum: int) -> None:
        """Handle a signal: SIGUSR1 and SIGUSR2 drain; any other stops now, and a second one without
        grace."""
        if signum in DRAIN_SIGNALS:
            return self.drain("the pilot was asked to")
        again = self.end is not None and self.end.kind == EndKind.SIGNAL
        grace_s = 0.0 if again else self._shared.config.stop_grace_s
        self.stop(AgentEnd(EndKind.SIGNAL, "the pilot was stopped"), grace_s)

    def on_pilot_gone(self) -> None:
        """Stop: the pilot was killed, so no process reads our events any more."""
        end = AgentEnd(EndKind.PILOT, "the pilot is gone")
        self.stop(end, self._shared.config.stop_grace_s)

    def _take_turn_soon(self) -> None:
        if self._turns is not None:
            self._turns.soon()

    def _give_up(self) -> None:
        """Give up a pool that does not answer: its leases run out by themselves."""
        recent = boot_s() - self._exchange.asked < STOP_REPORT_S
        if self._runs.running or not self._queries.busy(EXCHANGE) or recent:
            self._shared.loop.after(STOP_REPORT_S / 5, self._give_up)
            return
        log.error(
            "the pool does not answer in time: the ends of %d tasks could not be reported",
            len(self._ledger),
        )
        self._shared.loop.stop()

"""The agent: fills the slot with payloads, renews their leases, reports how they ended, stops in
time."""

from typing import List, Optional

from pilot.agent.clock import boot_s
from pilot.agent.exchange import Exchange
from pilot.agent.leases import Key, Leases
from pilot.agent.ledger import Ledger
from pilot.agent.loop import Timer
from pilot.agent.payload import Payload
from pilot.agent.payload_context import AttemptEnd, PayloadContext
from pilot.agent.pool_queries import PoolQueries
from pilot.agent.renewer import LeaseRenewer
from pilot.agent.runs import RunEvents, Runs, key_of
from pilot.agent.slot import Slot
from pilot.agent.stopping import Stopping
from pilot.agent.suspicion import Suspicion
from pilot.agent.timing import SWEEP_S, AgentEnd, EndKind, report_delay_s
from pilot.agent.turns import TurnEvents, Turns
from pilot.events.endings import AttemptOutcome
from pilot.events import event as events
from pilot.node.deadline import Deadline
from pilot.pool.interface import Lease


class Agent:
    """Connects the parts of the agent and passes events between them. Call `begin`, then run the
    loop; afterwards `end` says why the agent ended."""

    def __init__(
        self, queries: PoolQueries, shared: PayloadContext, deadline: Deadline, leases: Leases
    ) -> None:
        slot = Slot(shared.config, deadline)
        self._shared, self._queries, self._leases = shared, queries, leases
        self._ledger = Ledger(shared.tell, lambda lease: leases.drop(key_of(lease)))
        self._exchange = Exchange(shared.config, shared.loop, queries)
        self._runs = Runs(shared.config, shared, slot)
        self.stopping = Stopping(
            shared, deadline, slot, self._runs, self._ledger, self._exchange, queries
        )
        callbacks = TurnEvents(self._take_lease, self.stopping.finish, self.stopping.patience_s)
        self._turns = Turns(
            shared, queries, self._exchange, self._ledger, self._runs, slot, callbacks
        )
        self.stopping.attach(self._turns)
        self._runs.notify(
            RunEvents(self._exchange.begun, self._take_end, self._give_back, self._lack_room)
        )
        self._suspicion = Suspicion(shared.config.max_quick_failures)
        self._sweep_timer: Optional[Timer] = None

    @property
    def end(self) -> Optional[AgentEnd]:
        """Why the agent ends; None while it goes on."""
        return self.stopping.end

    def begin(self) -> None:
        """Start the first claim and the periodic work."""
        shared = self._shared
        LeaseRenewer(
            shared.config,
            shared.loop,
            self._queries,
            self._leases,
            self._lose_lease,
            self._runs.extend,
        ).begin()
        self.stopping.watch_deadline()
        self._turns.take()

    def _take_lease(self, lease: Lease, asked: float) -> None:
        """Take a lease that the pool granted; `asked` is the time of the request by the boot
        clock."""
        used_s = self._shared.config.lease_s - lease.seconds
        self._leases.add(key_of(lease), min(boot_s(), asked - used_s))
        self._shared.tell(
            events.TASK_CLAIMED,
            task=lease.task,
            generation=lease.generation,
            attempt=lease.attempt,
        )
        self._runs.take_lease(lease)

    def _give_back(self, leases: List[Lease]) -> None:
        """Give back leases that were claimed ahead and whose payloads did not start."""
        reason = "claimed ahead, but the slot was not free"
        for lease in leases:
            self._ledger.add(lease, AttemptEnd(AttemptOutcome.RETURNED, reason, {}, 0.0))
        self._turns.soon()

    def _lack_room(self, lack: str) -> None:
        """Drain: the node lacks something that another payload needs."""
        self.stopping.finish(AgentEnd(EndKind.NODE, lack))
        self._runs.give_back_ahead()

    def _take_end(self, payload: Payload, end: AttemptEnd) -> None:
        """Store a payload's result for the next turn."""
        self._turns.idling.note_work()
        self._exchange.ended(key_of(payload.lease))
        self._ledger.add(payload.lease, end)
        sick = (
            end.reason
            if end.node
            else self._suspicion.note(end.outcome, end.seconds, end.reason)
        )
        if sick and self.end is None:
            self.stopping.stop(AgentEnd(EndKind.NODE, sick), self._shared.config.stop_grace_s)
        self._sweep_timer = self._sweep_timer or self._shared.loop.after(SWEEP_S, self.sweep)
        self._turns.soon(report_delay_s(self._runs.last_s, self._runs.ahead))

    def _lose_lease(self, key: Key, why: str) -> None:
        """Stop the payload of a lease that another pilot has now, or soon may have."""
        self._leases.drop(key)
        self._runs.lose(key, why)

    def sweep(self) -> None:
        """End the processes that finished payloads left behind."""
        self._sweep_timer = None
        self._shared.strays.sweep()

"""The agent's exchanges with its pool: one request sends ends of attempts and confirmations, and
claims tasks.

The agent repeats a claim without an answer, unchanged, until the pool answers; also when the agent
is about to end. Then the agent knows what the pool granted, and gives it back.
"""

import json
import time
import uuid
from typing import Callable, Dict, List, NamedTuple, Optional, Tuple

from pilot.agent.clock import boot_s
from pilot.agent.config import AgentConfig
from pilot.agent.pool_queries import RENEWAL, EXCHANGE, PoolQueries
from pilot.agent.leases import Key
from pilot.agent.loop import Loop
from pilot.pool.interface import Busy, Final, Lease, Offer, Pool

MOST_FINALS, MOST_BYTES = 500, 1 << 20  # number of finals in one request
CONFIRM_S = 1.0  # a renewal confirms a start that no exchange has confirmed by then
Answered = Callable[[Dict[Key, str], List[Lease], float, float], None]


class Claim(NamedTuple):
    """A claim that was sent and that the pool may have granted."""

    request: str
    offer: Offer
    tasks: int


def first_of(finals: List[Final]) -> List[Final]:
    """The finals that fit into one request; the others go with the next."""
    taken, size = [], 0  # type: List[Final], int
    for final in finals[:MOST_FINALS]:
        size += len(json.dumps(final.result)) + len(final.reason) + 500
        if taken and size > MOST_BYTES:
            break
        taken.append(final)
    return taken


class Exchange:
    """Runs one exchange at a time. `open_claim` says whether a claim has no answer yet."""

    def __init__(self, config: AgentConfig, loop: Loop, pool_queries: PoolQueries) -> None:
        self.asked = 0.0  # when the last exchange started, by the boot clock
        self._config, self._loop, self._queries = config, loop, pool_queries
        self._life, self._number = uuid.uuid4().hex, 0
        self._open: Optional[Claim] = None
        # leases whose payloads started, since when, and which the pool may not know to be started
        self._begun: Dict[Key, float] = {}
        # a confirmation is due; the exchange under way may wait for work
        self._timed = self._waits = False

    @property
    def open_claim(self) -> bool:
        """Whether a claim has no answer yet."""
        return self._open is not None

    def ask(
        self,
        finals: List[Final],
        offer: Optional[Offer],
        count: int,
        wait_s: float,
        answered: Answered,
        failed: Callable[[Busy], None],
    ) -> None:
        """Report, and claim up to `count` tasks. `answered` gets the new states, the leases, the
        time of the request (by the boot clock), and how long the request could wait."""
        if self._open is None and offer is not None:
            self._number += 1
            if offer.time_left_s is not None:
                offer = offer._replace(time_left_s=offer.time_left_s - wait_s)
            self._open = Claim("%s:%d" % (self._life, self._number), offer, count)
        finals = first_of(finals)
        claim, begun, asked = self._open or Claim("none", Offer(), 0), self._due_starts(), boot_s()
        pilot, lease_s = self._config.pilot, self._config.lease_s
        self.asked, self._waits = asked, wait_s > 0

        def settled(answer: Tuple[Dict[Key, str], List[Lease]]) -> None:
            self._open = None
            self._forget_starts(begun)
            answered(answer[0], answer[1], asked, wait_s)

        def exchange(pool: Pool) -> Tuple[Dict[Key, str], List[Lease]]:
            return pool.next(
                finals, pilot, claim.offer, claim.tasks, lease_s, claim.request, wait_s, begun
            )

        self._queries.ask(EXCHANGE, exchange, settled, failed)

    def begun(self, key: Key) -> None:
        """The payload of this lease has started: confirm it to the pool soon, even without anything
        else to report."""
        self._begun[key] = time.monotonic()
        if not self._timed:
            self._timed = True
            self._loop.after(CONFIRM_S, self._confirm_starts)

    def _due_starts(self) -> List[Key]:
        """Confirm payloads that have run for a while; the end of a shorter run confirms its
        start."""
        now = time.monotonic()
        return [key for key, since in self._begun.items() if now - since >= CONFIRM_S / 2][
            :MOST_FINALS
        ]

    def ended(self, key: Key) -> None:
        """Forget a lease whose payload has ended: its end confirms its start."""
        self._begun.pop(key, None)

    def _confirm_starts(self) -> None:
        """The leases that no exchange has confirmed within a second."""
        self._timed = bool(self._begun)
        if not self._begun:
            return
        keys = self._due_starts()

        def again(_: object = None) -> None:
            self._loop.after(CONFIRM_S, self._confirm_starts)

        def confirmed(_: object) -> None:
            self._forget_starts(keys)
            again()

        if not keys or self._queries.busy(RENEWAL) or self._queries.busy(EXCHANGE) and not self._waits:
            return again()
        self._queries.ask(
            RENEWAL,
            lambda pool: pool.renew(self._config.pilot, keys, self._config.lease_s),
            confirmed,
            again,
        )

    def _forget_starts(self, keys: List[Key]) -> None:
        for key in keys:
            self._begun.pop(key, None)

"""Renews leases in time, and gives up those that another pilot may soon get."""

import logging
from typing import Callable, Dict, List

from pilot.agent import pool_reasons
from pilot.agent.clock import boot_s
from pilot.agent.config import AgentConfig
from pilot.agent.pool_queries import RENEWAL, PoolQueries
from pilot.agent.leases import Key, Leases
from pilot.agent.loop import Loop
from pilot.pool.interface import Busy

LOOK_S = 1.0
log = logging.getLogger("pilot.agent")


class LeaseRenewer:
    """From `begin` on renews all leases, one request at a time; calls `lose` with each lost lease
    and the reason, and `extended` with the renewed leases."""

    def __init__(
        self,
        config: AgentConfig,
        loop: Loop,
        queries: PoolQueries,
        leases: Leases,
        lose: Callable[[Key, str], None],
        extended: Callable[[List[Key]], None],
    ) -> None:
        self._config, self._loop, self._queries, self._leases = config, loop, queries, leases
        self._lose, self._extended = lose, extended

    def begin(self) -> None:
        """Start the periodic work."""
        self._loop.after(self._leases.every_s(), self._renew_leases)
        self._loop.after(self._look_s(), self._watch_leases)

    def _look_s(self) -> float:
        """Seconds between two checks of the leases; short, because timers do not count the time in
        which the machine was suspended."""
        return min(self._leases.retry_s(), LOOK_S)

    def _renew_leases(self) -> None:
        keys, asked = self._leases.keys(), boot_s()
        if not keys:
            self._loop.after(self._leases.every_s(), self._renew_leases)
            return
        self._queries.ask(
            RENEWAL,
            lambda pool: pool_reasons.renew_leases(pool, self._config.pilot, keys, self._config.lease_s),
            lambda lost: self._take_renewal(keys, asked, lost),
            self._not_renewed,
        )

    def _take_renewal(self, keys: List[Key], asked: float, lost: Dict[Key, str]) -> None:
        kept = [key for key in keys if key not in lost]
        self._leases.renewed(kept, asked)
        self._extended(kept)
        for key, why in lost.items():
            self._lose(key, why)
        self._loop.after(self._leases.every_s(), self._renew_leases)

    def _not_renewed(self, error: Busy) -> None:
        log.warning("leases could not be renewed: %s", error)
        self._watch_once()
        self._loop.after(self._leases.retry_s(), self._renew_leases)

    def _watch_leases(self) -> None:
        """Give up leases that may run out; also while a renewal has no answer yet."""
        self._watch_once()
        self._loop.after(self._look_s(), self._watch_leases)

    def _watch_once(self) -> None:
        for key in self._leases.in_danger():
            self._lose(key, pool_reasons.NOT_RENEWED)

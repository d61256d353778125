"""Reports the state of the factory to a pool server, as events of the kind "factory state"."""

import logging
import time
from typing import Dict, Optional, Sequence

from pilot.base import log as logs
from pilot.events import event as events
from pilot.events.pool_server import PoolServer
from pilot.events.sender import SendFailed
from pilot.ops.factory.config import Farm
from pilot.ops.factory.decisions import SiteReport

log = logging.getLogger("pilot.factory")


def state_word(report: SiteReport) -> str:
    """One word for the state of a site."""
    limits = report.limits
    if limits.mode != "online":
        return limits.mode
    if limits.paused:
        return limits.paused
    known = (
        ("unknown", limits.unknown),
        ("back-off", limits.back_off_s > 0),
        ("stopped", limits.stopped),
        ("quarantine", limits.quarantine),
        ("downtime", limits.downtime_left_s is not None),
    )
    return next((word for word, holds in known if holds), "ok")


def describe_state(farm: Farm, reports: Sequence[SiteReport]) -> Dict[str, object]:
    """The fields of the event."""
    sites = [
        {
            "site": report.site.name,
            "backend": report.site.backend,
            "state": state_word(report),
            "demand": None if report.limits.unknown else report.state.demand,
            "pending": report.counts.pending,
            "running": report.counts.running,
            "held": report.counts.held,
            "why": report.decision.line[:500],
        }
        for report in reports
    ]
    return {"state": "running", "sites": sites}


def server_of(farm: Farm) -> Optional[str]:
    """The URL of the server that gets the state: `server`, or the pool if that is one."""
    url = farm.server or farm.pool
    return url if url.startswith(("http://", "https://")) else None


class Reporter:
    """Sends states. A server that is away is reported once, and delays nothing."""

    def __init__(self, farm: Farm, environ: Dict[str, str]) -> None:
        url = server_of(farm)
        self._server = PoolServer(url, environ) if url else None
        self._failing = False

    def report(self, farm: Farm, fields: Dict[str, object]) -> None:
        """Send this state."""
        if self._server is None:
            return
        seq = int(time.time() * 1000)  # a state that arrives late does not replace a newer one
        event = events.make(farm.name, seq, logs.utc(time.time()), events.FACTORY_STATE, fields)
        try:
            self._server.send([event])
        except SendFailed as error:
            if not self._failing:
                log.warning("the state cannot be reported: %s", logs.printable(str(error)))
            self._failing = True
        else:
            self._failing = False

    def close(self) -> None:
        """Hang up."""
        if self._server is not None:
            self._server.close()

"""Reports the state of the factory to a pool server, as events of the kind "factory state"."""

import logging
import time
from typing import Callable, Dict, List, Optional, Sequence, Tuple

from pilot.base import log as logs
from pilot.events import event as events
from pilot.events.pool_server import PoolServer
from pilot.events.sender import SendFailed
from pilot.ops import job_events
from pilot.ops.factory.book import NOTHING, Book, Pilot
from pilot.ops.factory.config import Farm
from pilot.ops.factory.decisions import SiteReport, list_unmet
from pilot.ops.factory.jobs import JobState

MOST_PILOTS, MOST_REQUESTS = 500, 20  # in one request, in one cycle
NO_FAILURE = (JobState.OK, JobState.CANCELLED, JobState.PREEMPTED)
TailOf = Callable[[Pilot, str], List[str]]
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


def describe_state(farm: Farm, book: Book, reports: Sequence[SiteReport]) -> Dict[str, object]:
    """The fields of the event."""
    counts = {site.name: book.notes.decision_counts(site.name) for site in farm.sites}
    sites = [
        {
            "site": report.site.name,
            "backend": report.site.backend,
            "state": state_word(report),
            **report.level._asdict(),
            "decisions": counts.get(report.site.name, {}),
            "why": report.decision.line[:500],
        }
        for report in reports
    ]
    return {"state": "running", "sites": sites, "unmet": list_unmet(reports)[:20]}


def describe_pilot(
    factory: str, pilot: Pilot, backend: str, tail_of: TailOf
) -> "List[events.Event]":
    """The events that the server was not told yet."""
    told = []
    if pilot.told == NOTHING:
        told.append(events.make(
            pilot.pilot, job_events.FIRST_SEQ, logs.utc(pilot.submitted), job_events.PILOT_SUBMITTED,
            {"factory": factory, "site": pilot.site, "backend": backend, "job": pilot.job},
        ))
    if pilot.ended is not None:
        fields: Dict[str, object] = {
            "factory": factory, "site": pilot.site, "job": pilot.job, "state": pilot.state,
            "exit_code": 0 if pilot.state in NO_FAILURE else pilot.exit_code,
            "reason": pilot.reason, "node": pilot.node,
            "queue_s": None if pilot.started is None else max(0.0, pilot.started - pilot.submitted),
            # a pilot that left a report has told its story itself
            "output": tail_of(pilot, backend) if pilot.done is None else [],
        }
        told.append(events.make(
            pilot.pilot, job_events.end_seq(pilot.ended), logs.utc(pilot.ended), job_events.JOB_ENDED,
            fields,
        ))
    return told


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

    def report_pilots(self, farm: Farm, book: Book, tail_of: TailOf) -> None:
        """Send what is new of the pilots' jobs; `tail_of` gives the last lines of a pilot's output."""
        for _ in range(MOST_REQUESTS if self._server is not None and not self._failing else 0):
            rows = book.untold_pilots(MOST_PILOTS)
            if not rows or not self._send_pilots(farm, rows, tail_of):
                return
            book.note_told([pilot for pilot, _ in rows])

    def _send_pilots(
        self, farm: Farm, rows: Sequence[Tuple[Pilot, str]], tail_of: TailOf
    ) -> bool:
        """Send the events of these pilots, which have backends; whether they need not be sent again."""
        assert self._server is not None
        told = [event for pilot, backend in rows
                for event in describe_pilot(farm.name, pilot, backend, tail_of)]
        try:
            self._server.send(told)
        except SendFailed as error:
            log.warning("the pilots cannot be reported: %s", logs.printable(str(error)))
            return error.final
        return True

    def close(self) -> None:
        """Hang up."""
        if self._server is not None:
            self._server.close()

"""The pool's promises kept by tokens in a CouchDB, as well as a store without transactions can keep
them.

A claim re-reads the token it found in the view and writes it over that very revision, so that two
pilots never have the same. A lease is `pilot_lease.until` by the database's own clock; leases that
ran out are found in the view of locked tokens.
"""

import os
import random
import time
from typing import Any, Callable, Dict, Iterable, Iterator, List, Optional, Set, Tuple

from pilot.errors import UsageError
from pilot.pool import interface
from pilot.pool.interface import Backlog, Final, Lease, Offer, StaleLease

from . import config, design, token
from .couch import Conflict, Database

PAGE = 100
PAGES = 10
EXPIRE_EVERY_S = 10.0
TRIES = 5
SCHEMES = ("picas+http:", "picas+https:")


def open_url(url: str, create: bool, environ: Dict[str, str]) -> "PicasPool":
    """The pool at picas+http(s)://... or picas:PICASCONFIG.PY; UsageError for what is neither."""
    if url.startswith(SCHEMES):
        place = url[len("picas+"):]
    else:
        place = config.url_of(
            os.path.join(
                environ.get("PILOT_PICAS_FOLDER", ""), url[len("picas:") :] or "picasconfig.py"
            )
        )
    pool = PicasPool(Database(place, environ), environ)
    if create:
        design.ensure_documents(pool.database)
    return pool


class PicasPool(interface.Pool):
    """Tokens of one database."""

    remote = True

    def __init__(self, database: Database, environ: Dict[str, str]) -> None:
        self.database = database
        self._environ = environ
        self._view, self._command = (
            environ.get("PILOT_PICAS_VIEW") or token.VIEW,
            environ.get("PILOT_PICAS_COMMAND") or "",
        )
        self._expired_at = -EXPIRE_EVERY_S
        self._last = ""  # the last request that was given something
        # requests whose claims may have succeeded without our knowing
        self._unsure: Set[str] = set()

    def add(self, specs: Iterable[Dict[str, Any]]) -> Tuple[int, int]:
        return self._take_in([token.new_token(spec) for spec in specs])

    def restore(self, tasks: Iterable[Dict[str, Any]]) -> Tuple[int, int]:
        self.database.ask("GET", "")
        return self._take_in([token.restore_token(task, self.database.now()) for task in tasks])

    def _take_in(self, documents: List[Dict[str, Any]]) -> Tuple[int, int]:
        known = 0
        for at in range(0, len(documents), 1000):
            known += len(self.database.put_all(documents[at:at + 1000]))
        return len(documents) - known, known

    # -- for agents ------------------------------------------------------------------------------

    def claim(
        self, pilot: str, offer: Offer, count: int, lease_s: float, request_id: str
    ) -> List[Lease]:
        return self.next((), pilot, offer, count, lease_s, request_id)[1]

    def next(self, finals: Iterable[Final], pilot: str, offer: Offer, count: int, lease_s: float,
             request_id: str, wait_s: float = 0.0, begun: Iterable[Tuple[str, int]] = ()
             ) -> Tuple[Dict[Tuple[str, int], str], List[Lease]]:
        states = {}
        for final in finals:
            try:
                states[(final.task, final.generation)] = self.finish(final, pilot)
            except StaleLease:
                states[(final.task, final.generation)] = "stale"
        leases = self._claim_token(pilot, offer, count, lease_s, request_id) if count else []
        return states, leases

    def _claim_token(
        self, pilot: str, offer: Offer, count: int, lease_s: float, request: str
    ) -> List[Lease]:
        leases = (
            self._claimed_before(pilot, lease_s, request)
            if request in self._unsure or request == self._last
            else []
        )
        if leases or request == self._last:
            return leases
        if time.monotonic() - self._expired_at > EXPIRE_EVERY_S:
            self._expire_leases()
        self._unsure.add(request)
        for document in self._find_candidates():
            if len(leases) >= count:
                break
            spec = (
                token.spec_of(document, self._command)
                if token.is_claimable(document, self.database.now())
                else None
            )
            if spec is None or not token.fits_offer(spec, offer):
                continue
            mine = token.lock_token(
                document,
                pilot,
                lease_s,
                self.database.now(),
                os.uname().nodename,
                self._environ,
                request,
            )
            try:
                self.database.put(mine)
            except Conflict:  # another pilot was quicker
                continue
            leases.append(self._make_lease(mine, spec, lease_s))
        self._unsure.discard(request)
        self._last = request if leases else ""
        return leases

    def _make_lease(self, document: Dict[str, Any], spec: Dict[str, Any], lease_s: float) -> Lease:
        return Lease(
            document["_id"],
            document[token.LEASE]["generation"],
            token.scrubs_of(document) + 1,
            lease_s,
            spec,
        )

    def _find_candidates(self) -> Iterator[Dict[str, Any]]:
        """What the view lists, read with the documents as they are now: highest priority of each
        page first, else any, so that pilots do not all reach for the same."""
        options: Dict[str, Any] = {}
        for _ in range(PAGES):
            rows = self.database.view(self._view, limit=PAGE, include_docs=True, **options)
            documents = [row["doc"] for row in rows if row.get("doc")]
            random.shuffle(documents)
            for document in sorted(documents, key=lambda one: -token.priority_of(one)):
                yield document
            if len(rows) < PAGE:
                return
            options = {"startkey": rows[-1]["key"], "startkey_docid": rows[-1]["id"], "skip": 1}

    def _claimed_before(self, pilot: str, lease_s: float, request: str) -> List[Lease]:
        found = []
        for row in self.database.view("Monitor/locked", include_docs=True):
            lease = token.lease_of(row.get("doc") or {})
            spec = (
                token.spec_of(row["doc"], self._command)
                if (lease.get("pilot"), lease.get("request")) == (pilot, request)
                else None
            )
            if spec is not None:
                found.append(self._make_lease(row["doc"], spec, lease_s))
        return found

    def _expire_leases(self) -> None:
        self._expired_at = time.monotonic()
        for row in self.database.view("Monitor/locked", include_docs=True):
            document = row.get("doc")
            if document and token.lease_expired(document, self.database.now()):
                try:
                    self.database.put(token.lose_lease(document, self.database.now()))
                except Conflict:
                    pass

    def finish(self, final: Final, pilot: str) -> str:
        for _ in range(TRIES):
            document = self.database.get(final.task)
            if document is None:
                raise StaleLease("%s is gone" % final.task)
            if not token.holds_lease(document, final.generation, pilot):
                return self._already_ended(document, final, pilot)
            changed = token.end_attempt(document, final, self.database.now())
            try:
                self.database.put(changed)
            # an operator or an old client edited it: if it is still ours, our end goes into that
            except Conflict:
                continue
            return token.state_of(changed)
        raise interface.Busy(
            "%s: token %s is changed all the time" % (self.database.name, final.task)
        )

    def _already_ended(self, document: Dict[str, Any], final: Final, pilot: str) -> str:
        before = [
            one
            for one in token.history_of(document)
            if one.get("generation") == final.generation and one.get("pilot") == pilot
        ]
        if not before or before[0].get("outcome") != final.outcome:
            raise StaleLease("%s, generation %d" % (final.task, final.generation))
        return token.state_of(document)

    def release(self, task: str, generation: int, pilot: str, reason: str) -> None:
        self.finish(Final(task, generation, "released", reason, {}), pilot)

    def renew(
        self, pilot: str, leases: Iterable[Tuple[str, int]], lease_s: float
    ) -> List[Tuple[str, int]]:
        wanted, stale = list(leases), []  # type: List[Tuple[str, int]], List[Tuple[str, int]]
        for _ in range(TRIES):
            if not wanted:
                break
            documents = self.database.get_all([name for name, _ in wanted])
            good = [
                (key, document)
                for key, document in zip(wanted, documents)
                if document is not None and token.holds_lease(document, key[1], pilot)
            ]
            stale += [key for key in wanted if key not in [one for one, _ in good]]
            conflicts = self.database.put_all(
                [token.renew_lease(document, lease_s, self.database.now()) for _, document in good]
            )
            wanted = [key for key, _ in good if key[0] in conflicts]
        if wanted:
            names = ", ".join(name for name, _ in wanted[:5])
            raise interface.Busy(
                "%s: tokens are changed all the time: %s" % (self.database.name, names)
            )
        return stale

    # -- for operators ---------------------------------------------------------------------------

    def status(self) -> Dict[str, int]:
        self._expire_leases()
        found = {
            row["key"]: row["value"]
            for row in self.database.view("Monitor/overview_total", group=True)
        }
        held = self.database.ask("GET", "/_design/Pilot/_view/held?limit=0", missing=True)
        return dict(
            {state: int(found.get(state, 0)) for state in interface.STATES},
            held=held["total_rows"] if held else 0,
        )

    def pending(self) -> Tuple[int, Optional[float]]:
        found, now = self.status(), self.database.now()
        first = [
            row["doc"]
            for row in self.database.view("Monitor/todo", limit=PAGE, include_docs=True)
            if row.get("doc")
        ]
        waits = [token.wait_of(document, now) for document in first if token.NOT_BEFORE in document]
        return found["todo"] + found["locked"], max(0.0, min(waits)) if waits else None

    def backlog(self, offer: Offer) -> Backlog:
        """Of tokens that wait for another attempt, those among the first of the view are looked
        at."""
        todo, now = self.status()["todo"], self.database.now()
        first = [
            row["doc"]
            for row in self.database.view("Monitor/todo", limit=PAGE, include_docs=True)
            if row.get("doc")
        ]
        waits = [
            (token.wait_of(one, now), token.spec_of(one, self._command))
            for one in first
            if token.NOT_BEFORE in one
        ]
        waiting = [(wait, spec) for wait, spec in waits if wait > 0]
        fitting = [
            wait for wait, spec in waiting if spec is not None and token.fits_offer(spec, offer)
        ]
        return Backlog(todo, len(waiting), min(fitting) if fitting else None)

    def show(self, task: str) -> Optional[Dict[str, Any]]:
        document = self.database.get(task)
        return (
            None
            if document is None or document.get("type") != "token"
            else token.describe_token(document, self.database.now(), self._command)
        )

    def retry(self, tasks: Optional[Iterable[str]]) -> int:
        names = (
            [row["id"] for row in self.database.view("Monitor/error")]
            if tasks is None
            else list(tasks)
        )
        return sum(self._change_tokens(name, ("error", "held"), token.sent_back) for name in names)

    def cancel(self, tasks: Iterable[str]) -> int:
        return sum(
            self._change_tokens(
                name,
                ("todo", "locked"),
                lambda document: token.hold_token(document, self.database.now()),
            )
            for name in tasks
        )

    def _change_tokens(
        self, name: str, states: Tuple[str, ...], change: Callable[[Dict[str, Any]], Dict[str, Any]]
    ) -> int:
        for _ in range(TRIES):
            document = self.database.get(name)
            if document is None or token.state_of(document) not in states:
                return 0
            try:
                self.database.put(change(document))
            except Conflict:
                continue
            return 1
        return 0

    def export(self, state: Optional[str] = None) -> Iterator[Dict[str, Any]]:
        after: Dict[str, Any] = {}
        while True:
            rows = self.database.ask(
                "GET",
                "/_all_docs?include_docs=true&limit=%d%s" % (PAGE, config.query_string(after)),
            )["rows"]
            for row in rows:
                if row["doc"].get("type") == "token" and (
                    state is None or token.state_of(row["doc"]) == state
                ):
                    yield token.describe_token(row["doc"], self.database.now(), self._command)
            if len(rows) < PAGE:
                return
            after = {"startkey": rows[-1]["id"], "skip": 1}

    def purge(self, state: str, older_than_s: float, most: int) -> int:
        """Tokens are the community's documents: its own tools remove them."""
        raise UsageError("picas: tokens are removed by PiCaS' own tools, not by purge")

    def patience(self, seconds: float) -> None:
        self.database.timeout_s = seconds

    def nudge(self, pilot: str) -> None:
        """Nothing waits here."""

    def close(self) -> None:
        self.database.close()

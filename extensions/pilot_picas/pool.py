"""The pool's promises, kept with tokens in a CouchDB as far as a store without transactions allows.

A lease is `pilot_lease.until` by the database's own clock. claims.py locks tokens and ends the
leases that expired.
"""

import os
from typing import Callable, Dict, Iterable, Iterator, List, Optional, Tuple

from pilot.errors import UsageError
from pilot.pool import interface
from pilot.events.endings import TaskState
from pilot.pool.interface import Backlog, Demand, Final, Lease, Need, Offer, StaleLease

from . import config, design, exchange, task_spec, token, transitions
from .claims import PAGE, TokenClaims
from .couch import Conflict, Database
from .document import Document, read_number, read_object

TRIES = 5
BULK = 1000  # documents in one request
SCHEMES = ("picas+http:", "picas+https:")


def open_url(url: str, create: bool, environ: Dict[str, str]) -> "PicasPool":
    """The pool at picas+http(s)://... or picas:PICASCONFIG.PY; UsageError for any other URL."""
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
        self._claims = TokenClaims(database, environ)

    def add(self, specs: Iterable[Document]) -> Tuple[int, int]:
        return self._take_in([task_spec.new_token(spec) for spec in specs])

    def restore(self, tasks: Iterable[Document]) -> Tuple[int, int]:
        self.database.send_request("GET", "")  # its answer sets the clock
        return self._take_in(
            [exchange.restore_token(task, self.database.read_clock()) for task in tasks]
        )

    def _take_in(self, documents: List[Document]) -> Tuple[int, int]:
        known = 0
        for at in range(0, len(documents), BULK):
            known += len(self.database.write_documents(documents[at:at + BULK]))
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
                states[(final.task, final.generation)] = interface.STALE
        if not count:
            return states, []
        return states, self._claims.claim_tokens(pilot, offer, count, lease_s, request_id)

    def finish(self, final: Final, pilot: str) -> str:
        for _ in range(TRIES):
            document = self.database.read_document(final.task)
            if document is None:
                raise StaleLease("%s is gone" % final.task)
            if not token.holds_lease(document, final.generation, pilot):
                return self._already_ended(document, final, pilot)
            changed = transitions.end_attempt(document, final, self.database.read_clock())
            try:
                self.database.write_document(changed)
            # an operator or an old client edited it: if the lease is still ours, the next turn adds
            # the end of the attempt to the edited document
            except Conflict:
                continue
            return token.state_of(changed)
        raise interface.Busy(
            "%s: token %s is changed all the time" % (self.database.name, final.task)
        )

    @staticmethod
    def _already_ended(document: Document, final: Final, pilot: str) -> str:
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
            documents = self.database.read_documents([name for name, _ in wanted])
            good = [
                (key, document)
                for key, document in zip(wanted, documents)
                if document is not None and token.holds_lease(document, key[1], pilot)
            ]
            stale += [key for key in wanted if key not in [one for one, _ in good]]
            now = self.database.read_clock()
            conflicts = self.database.write_documents(
                [transitions.renew_lease(document, lease_s, now) for _, document in good]
            )
            wanted = [key for key, _ in good if key[0] in conflicts]
        if wanted:
            names = ", ".join(name for name, _ in wanted[:5])
            raise interface.Busy(
                "%s: tokens are changed all the time: %s" % (self.database.name, names)
            )
        return stale

    # -- for operators ---------------------------------------------------------------------------

    def demand(self) -> Demand:
        """Tokens do not say what they need: each counts as a task of one core."""
        counts = self.status()
        todo, locked = counts[TaskState.TODO], counts[TaskState.LOCKED]
        return Demand([Need(1, 0, 0, 0.0, (), False, todo, 0, locked)], None)

    def status(self) -> Dict[str, int]:
        self._claims.expire_leases()
        counts = {
            str(row.key): int(read_number(row.value))
            for row in self.database.list_view("Monitor/overview_total", group=True)
        }
        held = self.database.send_request(
            "GET", "/_design/Pilot/_view/held?limit=0", missing=True
        )
        return dict(
            {state: counts.get(state, 0) for state in interface.STATES},
            held=int(read_number(read_object(held).get("total_rows"))),
        )

    def pending(self) -> Tuple[int, Optional[float]]:
        counts, now = self.status(), self.database.read_clock()
        waits = [token.wait_of(document, now) for document in self._list_waiting()]
        return counts["todo"] + counts["locked"], max(0.0, min(waits)) if waits else None

    def backlog(self, offer: Offer) -> Backlog:
        """Only the first page of the view counts for the tokens that wait for another attempt."""
        todo, now = self.status()["todo"], self.database.read_clock()
        waiting = [one for one in self._list_waiting() if token.wait_of(one, now) > 0]
        specs = [(one, task_spec.spec_of(one, self._claims.command)) for one in waiting]
        fitting = [
            token.wait_of(one, now)
            for one, spec in specs
            if spec is not None and task_spec.fits_offer(spec, offer)
        ]
        return Backlog(todo, len(waiting), min(fitting) if fitting else None)

    def _list_waiting(self) -> List[Document]:
        """The tokens with a time before which no pilot may claim them, of the first page."""
        rows = self.database.list_view("Monitor/todo", limit=PAGE, include_docs=True)
        return [row.doc for row in rows if row.doc and token.NOT_BEFORE in row.doc]

    def show(self, task: str) -> Optional[Document]:
        document = self.database.read_document(task)
        if document is None or document.get("type") != "token":
            return None
        return self._describe_token(document)

    def _describe_token(self, document: Document) -> Document:
        return exchange.describe_token(
            document, self.database.read_clock(), self._claims.command
        )

    def retry(self, tasks: Optional[Iterable[str]]) -> int:
        names = (
            [row.id for row in self.database.list_view("Monitor/error")]
            if tasks is None
            else list(tasks)
        )
        return sum(
            self._change_token(name, ("error", "held"), transitions.reset_token) for name in names
        )

    def cancel(self, tasks: Iterable[str]) -> int:
        return sum(
            self._change_token(
                name,
                ("todo", "locked"),
                lambda document: transitions.hold_token(document, self.database.read_clock()),
            )
            for name in tasks
        )

    def _change_token(
        self, name: str, states: Tuple[str, ...], change: Callable[[Document], Document]
    ) -> int:
        for _ in range(TRIES):
            document = self.database.read_document(name)
            if document is None or token.state_of(document) not in states:
                return 0
            try:
                self.database.write_document(change(document))
            except Conflict:
                continue
            return 1
        return 0

    def export(self, state: Optional[str] = None) -> Iterator[Document]:
        after = ""
        while True:
            rows = self.database.list_documents(PAGE, after)
            for document in (row.doc for row in rows if row.doc):
                if document.get("type") == "token" and state in (None, token.state_of(document)):
                    yield self._describe_token(document)
            if len(rows) < PAGE:
                return
            after = rows[-1].id

    def purge(self, state: str, older_than_s: float, most: int) -> int:
        """Tokens are the community's documents: its own tools remove them."""
        raise UsageError("picas: tokens are removed by PiCaS' own tools, not by purge")

    def patience(self, seconds: float) -> None:
        self.database.timeout_s = seconds

    def nudge(self, pilot: str) -> None:
        """No claim waits in this pool."""

    def close(self) -> None:
        self.database.close()

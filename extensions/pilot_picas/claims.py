"""Claims: finds tokens that a pilot can run, locks them, and ends the leases that expired.

A claim reads a token together with the view and writes it over the revision that it read.
Therefore two pilots never hold the same token.
"""

import os
import random
import time
from typing import Dict, Iterator, List, Optional, Set

from pilot.pool.interface import Lease, Offer

from . import task_spec, token, transitions
from .couch import Conflict, Database
from .document import Document, id_of

PAGE = 100
PAGES = 10
EXPIRE_EVERY_S = 10.0
LOCKED = "Monitor/locked"


def make_lease(document: Document, spec: Document, lease_s: float) -> Lease:
    """The lease of a token that was just locked."""
    held = token.lease_of(document)
    return Lease(
        id_of(document),
        held.generation if held else token.generation_of(document),
        token.scrubs_of(document) + 1,
        lease_s,
        spec,
    )


class TokenClaims:
    """The claims of one pilot process on one database; it remembers which requests may have
    succeeded although no answer arrived."""

    def __init__(self, database: Database, environ: Dict[str, str]) -> None:
        self._database = database
        self._environ = environ
        self._view = environ.get("PILOT_PICAS_VIEW") or token.VIEW
        self.command = environ.get("PILOT_PICAS_COMMAND") or ""
        self._expired_at = -EXPIRE_EVERY_S
        self._last = ""  # the last request that got tokens
        self._unsure: Set[str] = set()

    def claim_tokens(
        self, pilot: str, offer: Offer, count: int, lease_s: float, request: str
    ) -> List[Lease]:
        """At most `count` leases that fit the offer; a repeated request gets the same leases."""
        if request in self._unsure or request == self._last:
            leases = self._claimed_before(pilot, lease_s, request)
            if leases or request == self._last:
                return leases
        if time.monotonic() - self._expired_at > EXPIRE_EVERY_S:
            self.expire_leases()
        self._unsure.add(request)
        leases = []
        for document in self._find_candidates():
            if len(leases) >= count:
                break
            lease = self._lock_candidate(document, pilot, offer, lease_s, request)
            if lease is not None:
                leases.append(lease)
        self._unsure.discard(request)
        self._last = request if leases else ""
        return leases

    def _lock_candidate(
        self, document: Document, pilot: str, offer: Offer, lease_s: float, request: str
    ) -> Optional[Lease]:
        """A lease on this token; None when it does not fit, or when another pilot was faster."""
        now = self._database.read_clock()
        if not token.is_claimable(document, now):
            return None
        spec = task_spec.spec_of(document, self.command)
        if spec is None or not task_spec.fits_offer(spec, offer):
            return None
        locked = transitions.lock_token(
            document,
            pilot,
            lease_s,
            self._database.read_clock(),
            os.uname().nodename,
            self._environ,
            request,
        )
        try:
            self._database.write_document(locked)
        except Conflict:
            return None
        return make_lease(locked, spec, lease_s)

    def _find_candidates(self) -> Iterator[Document]:
        """The documents that the view lists, page by page. Within a page the highest priority goes
        first; equal priorities are shuffled, so that pilots do not compete for the same token."""
        options: Document = {}
        for _ in range(PAGES):
            rows = self._database.list_view(self._view, limit=PAGE, include_docs=True, **options)
            documents = [row.doc for row in rows if row.doc]
            random.shuffle(documents)
            for document in sorted(documents, key=lambda one: -token.priority_of(one)):
                yield document
            if len(rows) < PAGE:
                return
            options = {"startkey": rows[-1].key, "startkey_docid": rows[-1].id, "skip": 1}

    def _claimed_before(self, pilot: str, lease_s: float, request: str) -> List[Lease]:
        """The leases that an earlier attempt of this request made."""
        leases = []
        for row in self._database.list_view(LOCKED, include_docs=True):
            held = token.lease_of(row.doc) if row.doc else None
            if row.doc is None or held is None or (held.pilot, held.request) != (pilot, request):
                continue
            spec = task_spec.spec_of(row.doc, self.command)
            if spec is not None:
                leases.append(make_lease(row.doc, spec, lease_s))
        return leases

    def expire_leases(self) -> None:
        """End the leases that no pilot renewed in time."""
        self._expired_at = time.monotonic()
        for row in self._database.list_view(LOCKED, include_docs=True):
            if row.doc and token.lease_expired(row.doc, self._database.read_clock()):
                try:
                    self._database.write_document(
                        transitions.lose_lease(row.doc, self._database.read_clock())
                    )
                except Conflict:  # another pilot ended it, or the owner renewed it
                    pass

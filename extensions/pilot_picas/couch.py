"""A CouchDB database over HTTP, as far as tokens need it (docs.couchdb.org, API reference)."""

import base64
import email.utils
import json
import time
from typing import Any, Dict, List, Optional, Sequence
from urllib.parse import quote, unquote, urlencode, urlsplit

from pilot.base import credentials
from pilot.errors import PoolUnreachable, UsageError
from pilot.base.fetch import FetchFailed
from pilot.base.session import Session
from pilot.pool.interface import Busy, Denied

TIMEOUT_S = 30.0
Document = Dict[str, Any]


class Conflict(Exception):
    """Somebody else changed the document."""


class Database:
    """`url` is http(s)://[USER:PASSWORD@]HOST:PORT/NAME; not for several threads. Methods raise
    Busy when it does not answer."""

    def __init__(self, url: str, environ: Dict[str, str]) -> None:
        try:
            parts = urlsplit(url)
            name = parts.path.strip("/") if (parts.port or 1) > 0 else ""
        except ValueError:
            raise UsageError("a database of tokens is named http(s)://HOST:PORT/DATABASE")
        if not parts.hostname or not name or "/" in name:
            raise UsageError("a database of tokens is named http(s)://HOST:PORT/DATABASE")
        self.name = "%s://%s:%s/%s" % (parts.scheme, parts.hostname, parts.port or "", name)
        self.timeout_s = TIMEOUT_S
        self._path = "/" + quote(unquote(name), safe="")
        self._headers = {"Accept": "application/json"}
        if parts.username:
            pair = "%s:%s" % (unquote(parts.username), unquote(parts.password or ""))
            self._headers["Authorization"] = "Basic " + base64.b64encode(
                pair.encode("utf-8")
            ).decode("ascii")
        self._ahead = time.time() - time.monotonic()
        self._session = Session(
            "%s://%s" % (parts.scheme, parts.netloc.rpartition("@")[2]),
            lambda: credentials.tls_context(environ),
        )

    def now(self) -> float:
        """UNIX seconds by the database's clock, as its answers told: they count whole seconds, we
        what lies between."""
        return time.monotonic() + self._ahead

    def ask(self, method: str, path: str, body: Any = None, missing: bool = False) -> Any:
        """The answer's JSON; None for 404 if it may be `missing`. Raises Conflict for 409 and
        412."""
        headers = dict(
            self._headers, **({"Content-Type": "application/json"} if body is not None else {})
        )
        try:
            status, data = self._session.ask(
                method,
                self._path + path,
                None if body is None else json.dumps(body).encode("ascii"),
                headers,
                self.timeout_s,
            )
            found = json.loads(data.decode("utf-8")) if data else {}
        except (FetchFailed, ValueError) as error:
            raise Busy("%s cannot be asked: %s" % (self.name, error))
        self._note_time()
        if status in (200, 201, 202):
            return found
        if status in (409, 412):
            raise Conflict(str(found))
        if status == 404 and missing:
            return None
        sentence = "%s: HTTP %d: %s" % (
            self.name,
            status,
            found.get("reason") or found.get("error") if isinstance(found, dict) else found,
        )
        if status in (401, 403):
            raise Denied(sentence)
        if status == 404:
            raise PoolUnreachable(
                sentence + "; `python3 -m pilot.pool add` makes a database and its views"
            )
        raise Busy(sentence)

    def _note_time(self) -> None:
        parsed = email.utils.parsedate_tz(self._session.date or "")
        moment = float(email.utils.mktime_tz(parsed)) if parsed else time.time()
        ahead = moment - time.monotonic()
        # a later fraction of the same second says nothing new
        if not 0 <= self._ahead - ahead < 1.5:
            self._ahead = ahead

    def get(self, name: str) -> Optional[Document]:
        """A document, or None."""
        found: Optional[Document] = self.ask("GET", "/" + quote(name, safe=""), missing=True)
        return found

    def put(self, document: Document) -> None:
        """Write a document over the revision that was read. Raises Conflict."""
        self.ask("PUT", "/" + quote(document["_id"], safe=""), document)

    def put_all(self, documents: Sequence[Document]) -> List[str]:
        """Write many; returns the ids of those in conflict."""
        answers = self.ask("POST", "/_bulk_docs", {"docs": list(documents)}) if documents else []
        return [one["id"] for one in answers if "error" in one]

    def get_all(self, names: Sequence[str]) -> List[Optional[Document]]:
        """Documents by id, None where there is none."""
        rows = self.ask("POST", "/_all_docs?include_docs=true", {"keys": list(names)})["rows"]
        return [row.get("doc") for row in rows]

    def view(self, view: str, **options: Any) -> List[Dict[str, Any]]:
        """The rows of DESIGN/VIEW."""
        design, _, name = view.partition("/")
        query = urlencode({key: json.dumps(value) for key, value in options.items()})
        rows: List[Dict[str, Any]] = self.ask(
            "GET", "/_design/%s/_view/%s?%s" % (quote(design, safe=""), quote(name, safe=""), query)
        )["rows"]
        return rows

    def close(self) -> None:
        """Hang up."""
        self._session.close()

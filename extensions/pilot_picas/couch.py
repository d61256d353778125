"""A CouchDB database over HTTP, as far as tokens need it (docs.couchdb.org, API reference)."""

import base64
import email.utils
import json
import time
from typing import Dict, List, NamedTuple, Optional, Sequence
from urllib.parse import quote, unquote, urlencode, urlsplit

from pilot.base import credentials
from pilot.errors import PoolUnreachable, UsageError
from pilot.base.fetch import FetchFailed
from pilot.base.session import Session
from pilot.pool.interface import Busy, Denied

from . import config
from .document import Document, id_of, read_list, read_object

TIMEOUT_S = 30.0


class Conflict(Exception):
    """Somebody else changed the document."""


class Row(NamedTuple):
    """A row of a view: `doc` only with include_docs, `id` empty where the view is reduced."""

    id: str
    key: object
    value: object
    doc: Optional[Document]


class Database:
    """`url` is http(s)://[USER:PASSWORD@]HOST:PORT/NAME. One thread uses an object. Methods raise
    Busy when the database does not answer."""

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

    def read_clock(self) -> float:
        """UNIX seconds by the database's clock. The answers contain whole seconds; our own clock
        adds the fraction."""
        return time.monotonic() + self._ahead

    def send_request(
        self, method: str, path: str, body: object = None, missing: bool = False
    ) -> object:
        """The JSON of the answer; None for HTTP 404 when the object may be `missing`. Raises
        Conflict for HTTP 409 and 412."""
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
            answer: object = json.loads(data.decode("utf-8")) if data else {}
        except (FetchFailed, ValueError) as error:
            raise Busy("%s cannot be asked: %s" % (self.name, error))
        self._note_time()
        if status in (200, 201, 202):
            return answer
        if status in (409, 412):
            raise Conflict(str(answer))
        if status == 404 and missing:
            return None
        raise self._make_refusal(status, answer)

    def _make_refusal(self, status: int, answer: object) -> Exception:
        """What an error status means for the pool."""
        sentence = "%s: HTTP %d: %s" % (
            self.name,
            status,
            answer.get("reason") or answer.get("error") if isinstance(answer, dict) else answer,
        )
        if status in (401, 403):
            return Denied(sentence)
        if status == 404:
            return PoolUnreachable(
                sentence + "; `python3 -m pilot.pool add` makes a database and its views"
            )
        return Busy(sentence)

    def _note_time(self) -> None:
        parsed = email.utils.parsedate_tz(self._session.date or "")
        moment = float(email.utils.mktime_tz(parsed)) if parsed else time.time()
        ahead = moment - time.monotonic()
        # a later fraction of the same second says nothing new
        if not 0 <= self._ahead - ahead < 1.5:
            self._ahead = ahead

    def read_document(self, name: str) -> Optional[Document]:
        """A document, or None."""
        answer = self.send_request("GET", "/" + quote(name, safe=""), missing=True)
        return answer if isinstance(answer, dict) else None

    def write_document(self, document: Document) -> None:
        """Write a document over the revision that was read. Raises Conflict."""
        self.send_request("PUT", "/" + quote(id_of(document), safe=""), document)

    def write_documents(self, documents: Sequence[Document]) -> List[str]:
        """Write many documents; returns the ids of the documents in conflict."""
        if not documents:
            return []
        answers = read_list(self.send_request("POST", "/_bulk_docs", {"docs": list(documents)}))
        return [
            str(answer["id"])
            for answer in answers
            if isinstance(answer, dict) and "error" in answer
        ]

    def read_documents(self, names: Sequence[str]) -> List[Optional[Document]]:
        """Documents by id, None for an id without a document."""
        rows = self._read_rows("POST", "/_all_docs?include_docs=true", {"keys": list(names)})
        return [row.doc for row in rows]

    def list_view(self, view: str, **options: object) -> List[Row]:
        """The rows of DESIGN/VIEW."""
        design, _, name = view.partition("/")
        query = urlencode({key: json.dumps(value) for key, value in options.items()})
        return self._read_rows(
            "GET", "/_design/%s/_view/%s?%s" % (quote(design, safe=""), quote(name, safe=""), query)
        )

    def list_documents(self, limit: int, after: str = "") -> List[Row]:
        """At most `limit` documents by id, beginning with the one that follows `after`."""
        options: Document = {"startkey": after, "skip": 1} if after else {}
        return self._read_rows(
            "GET",
            "/_all_docs?include_docs=true&limit=%d%s" % (limit, config.query_string(options)),
        )

    def _read_rows(self, method: str, path: str, body: object = None) -> List[Row]:
        answer = read_object(self.send_request(method, path, body))
        if "rows" not in answer:
            raise Busy("%s: the answer to %s has no rows" % (self.name, path.split("?")[0]))
        rows = [read_object(row) for row in read_list(answer["rows"])]
        return [
            Row(
                str(row.get("id") or ""),
                row.get("key"),
                row.get("value"),
                read_object(row.get("doc")) or None,
            )
            for row in rows
        ]

    def close(self) -> None:
        """Close the connection."""
        self._session.close()

"""The pool behind a server, asked over HTTP with the same interface as the file: the agent does not see the difference.

Every request may be sent again: a claim has a request id, an end of an attempt is known by its lease.
"""

import json
import os
from typing import Any, Dict, Iterable, Iterator, List, Optional, Tuple
from urllib.parse import quote

from pilot import credentials
from pilot.bearer import Bearer, NoToken
from pilot.errors import ConfigurationFailed, PoolUnreachable, UsageError
from pilot.fetch import FetchFailed, Session
from pilot.pool import interface
from pilot.pool.interface import Busy, Denied, Final, Lease, Offer, StaleLease

TIMEOUT_S = 30.0
MAX_WAIT_S = 20.0
BULK = 2000  # tasks in one request
BULK_BYTES = 8 << 20
PAGE = 500


class HTTPPool(interface.Pool):
    """The pool's promises kept by a server. UsageError for a URL that is none; PoolUnreachable when the server refuses us."""

    remote = True

    def __init__(self, url: str, environ: Optional[Dict[str, str]] = None, timeout_s: float = TIMEOUT_S) -> None:
        if not url.partition("//")[2].strip("/"):
            raise UsageError("%s: names no server; https://HOST:PORT does" % url)
        self._url, self._timeout_s = url.rstrip("/"), timeout_s
        self._environ = dict(os.environ if environ is None else environ)
        try:
            context = credentials.tls_context(self._environ, credentials.proxy_path(self._environ)) if url.startswith("https") else None
        except ConfigurationFailed as error:
            raise PoolUnreachable(str(error))
        self._session = Session(self._url, context)
        self._bearer = Bearer(self._environ, self._session)

    # -- the way out -----------------------------------------------------------------------------

    def _ask(self, method: str, path: str, body: Optional[Dict[str, Any]] = None, wait_s: float = 0.0) -> Any:
        status, data = self._send(method, path, body, wait_s)
        try:
            found = json.loads(data.decode("utf-8")) if data else {}
        except ValueError:
            raise Busy("%s: is no pool's answer: HTTP %d %r" % (self._url, status, data[:60]))
        if status == 200:
            return found
        sentence = "%s: HTTP %d: %s" % (self._url, status, found.get("error") if isinstance(found, dict) else found)
        if status == 409:
            raise StaleLease(sentence)
        if status in (401, 403):
            self._bearer.refused()
            raise Denied(sentence)
        if status in (408, 429) or status >= 500:
            raise Busy(sentence)
        raise UsageError(sentence)

    def _send(self, method: str, path: str, body: Optional[Dict[str, Any]], wait_s: float = 0.0) -> Tuple[int, bytes]:
        headers = {"Content-Type": "application/json"} if body is not None else {}
        data = None if body is None else json.dumps(body).encode("ascii")
        try:
            return self._session.ask(method, path, data, dict(headers, **self._bearer.headers()), self._timeout_s + wait_s)
        except NoToken as error:
            raise Denied(str(error))
        except FetchFailed as error:
            raise Busy("the pool cannot be reached: %s" % error)

    # -- the interface ---------------------------------------------------------------------------

    def add(self, specs: Iterable[Dict[str, Any]]) -> Tuple[int, int]:
        return self._bulk("/v1/tasks", specs)

    def restore(self, tasks: Iterable[Dict[str, Any]]) -> Tuple[int, int]:
        return self._bulk("/v1/restore", tasks)

    def _bulk(self, path: str, tasks: Iterable[Dict[str, Any]]) -> Tuple[int, int]:
        added, known = 0, 0
        for some in _portions(tasks):
            found = self._ask("POST", path, {"tasks": some})
            added, known = added + found["added"], known + found["known"]
        return added, known

    def claim(self, pilot: str, offer: Offer, count: int, lease_s: float, request_id: str) -> List[Lease]:
        return self.next((), pilot, offer, count, lease_s, request_id)[1]

    def next(self, finals: Iterable[Final], pilot: str, offer: Offer, count: int, lease_s: float,
             request_id: str, wait_s: float = 0.0) -> Tuple[Dict[Tuple[str, int], str], List[Lease]]:
        body = {"finals": [final._asdict() for final in finals], "pilot": pilot, "offer": offer._asdict(), "count": count,
                "lease_s": lease_s, "request_id": request_id, "wait_s": min(wait_s, MAX_WAIT_S)}
        found = self._ask("POST", "/v1/next", body, wait_s)
        return ({(task, generation): state for task, generation, state in found["states"]},
                [Lease(one["task"], one["generation"], one["attempt"], one["seconds"], one["spec"]) for one in found["leases"]])

    def nudge(self, pilot: str) -> None:
        self._ask("POST", "/v1/nudge", {"pilot": pilot})

    def finish(self, final: Final, pilot: str) -> str:
        return str(self._ask("POST", "/v1/finish", dict(final._asdict(), pilot=pilot))["state"])

    def release(self, task: str, generation: int, pilot: str, reason: str) -> None:
        self.finish(Final(task, generation, "released", reason, {}), pilot)

    def renew(self, pilot: str, leases: Iterable[Tuple[str, int]], lease_s: float) -> List[Tuple[str, int]]:
        found = self._ask("POST", "/v1/renew", {"pilot": pilot, "leases": list(leases), "lease_s": lease_s})
        return [(task, generation) for task, generation in found["stale"]]

    def status(self) -> Dict[str, int]:
        found = self._ask("GET", "/v1/status")
        return {state: int(found[state]) for state in interface.STATES}

    def pending(self) -> Tuple[int, Optional[float]]:
        found = self._ask("GET", "/v1/pending")
        return found["tasks"], found["seconds"]

    def show(self, task: str) -> Optional[Dict[str, Any]]:
        status, data = self._send("GET", "/v1/tasks/" + quote(task, safe=""), None)
        if status == 404:
            return None
        if status != 200:
            raise Busy("%s: HTTP %d: %r" % (self._url, status, data[:200]))
        found: Dict[str, Any] = json.loads(data.decode("utf-8"))
        return found

    def retry(self, tasks: Optional[Iterable[str]]) -> int:
        return int(self._ask("POST", "/v1/retry", {} if tasks is None else {"tasks": list(tasks)})["count"])

    def cancel(self, tasks: Iterable[str]) -> int:
        return int(self._ask("POST", "/v1/cancel", {"tasks": list(tasks)})["count"])

    def export(self, state: Optional[str] = None) -> Iterator[Dict[str, Any]]:
        path, after = "/v1/tasks?limit=%d%s" % (PAGE, "&state=" + state if state else ""), ""
        while True:
            found = self._ask("GET", path + after)
            for task in found["tasks"]:
                yield task
            if found["next"] is None:
                return
            after = "&after=" + quote(found["next"], safe="")

    def mint(self, pilot: str, seconds: float) -> str:
        """A token for this pilot, if ours is a factory's or an admin's."""
        return str(self._ask("POST", "/v1/tokens", {"pilot": pilot, "seconds": seconds})["token"])

    def patience(self, seconds: float) -> None:
        self._timeout_s = seconds

    def close(self) -> None:
        self._session.close()


def _portions(tasks: Iterable[Dict[str, Any]]) -> Iterator[List[Dict[str, Any]]]:
    some, size = [], 0  # type: List[Dict[str, Any]], int
    for task in tasks:
        size += len(json.dumps(task))
        some.append(task)
        if len(some) >= BULK or size > BULK_BYTES:
            yield some
            some, size = [], 0
    if some:
        yield some

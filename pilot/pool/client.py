"""The pool behind a server, asked over HTTP with the same interface as the file: the agent does not
see the difference.

Every request may be sent again: a claim has a request id, an end of an attempt is known by its
lease.
"""

import json
import logging
import os
import re
from contextlib import contextmanager
from typing import Any, Dict, Iterable, Iterator, List, Optional, Tuple
from urllib.parse import quote, urlsplit

from pilot.base import credentials
from pilot.base.pool_token import Bearer, NoToken
from pilot.errors import ConfigurationFailed, UsageError
from pilot.base.fetch import FetchFailed
from pilot.pool import interface, task as tasks
from pilot.pool.interface import Backlog, Busy, Denied, Final, Lease, Offer, StaleLease
from pilot.base.session import Session
from pilot.events.endings import AttemptOutcome, TaskState

TIMEOUT_S = 30.0
MAX_WAIT_S = 20.0
BULK = 1000  # tasks in one request: what the server's loop does at once
BULK_BYTES = 2 << 20
PAGE = 500
log = logging.getLogger("pilot.pool")


class HTTPPool(interface.Pool):
    """The pool's promises kept by a server. UsageError for a URL that is none; Refused (a
    UsageError) for what the server will never take: agents' own questions raise Busy instead."""

    remote = True

    def __init__(
        self, url: str, environ: Optional[Dict[str, str]] = None, timeout_s: float = TIMEOUT_S
    ) -> None:
        self._check_server(url)
        self._url, self._timeout_s = url.rstrip("/"), timeout_s
        self._environ = dict(os.environ if environ is None else environ)
        self._session = Session(
            self._url,
            lambda: credentials.tls_context(self._environ, credentials.proxy_path(self._environ)),
        )
        self._bearer = Bearer(self._environ, self._session)

    @staticmethod
    def _check_server(url: str) -> None:
        try:
            parts = urlsplit(url)
            good = bool(parts.hostname) and (parts.port or 1) > 0
        except ValueError:
            good = False
        shown = re.sub("//[^/]*@", "//", url)
        if not good:
            raise UsageError("%s: names no server; https://HOST:PORT does" % shown)
        if "@" in parts.netloc:
            raise UsageError(
                "%s: a server is asked with a token (--pool-token-file), not with a name and password in its address"
                % shown
            )

    # -- the way out -----------------------------------------------------------------------------

    def _ask_server(
        self, method: str, path: str, body: Optional[Dict[str, Any]] = None, wait_s: float = 0.0
    ) -> Any:
        """The answer. Refused for what the server will never take; Busy for all that may be better
        another time, nonsense of a proxy included."""
        status, data = self._send_request(method, path, body, wait_s)
        try:
            found = json.loads(data.decode("utf-8"))
            sentence = found.get("error", "") if isinstance(found, dict) else ""
        except (ValueError, RecursionError):
            found, sentence = None, ""
        if status == 200 and isinstance(found, dict):
            return found
        told = "%s: HTTP %d: %s" % (
            self._url,
            status,
            sentence or "this is no pool's answer: %r" % data[:60],
        )
        if not sentence:
            raise Busy(told)
        if status == 409:
            raise StaleLease(told)
        if status in (401, 403):
            self._bearer.note_refusal()
            how = (
                "; give one in --pool-token-file or $PILOT_POOL_TOKEN"
                if status == 401 and "is needed" in sentence
                else ""
            )
            raise Denied(told + how)
        if status in (400, 413):
            raise Refused(told)
        raise Busy(told)

    def _ask_again(self, path: str, body: Dict[str, Any]) -> Any:
        """What a right server never refuses: if it is refused, another answer may come another time
        (Busy)."""
        try:
            return self._ask_server("POST", path, body)
        except (Refused, StaleLease) as error:
            raise Busy(str(error))

    def _send_request(
        self, method: str, path: str, body: Optional[Dict[str, Any]], wait_s: float = 0.0
    ) -> Tuple[int, bytes]:
        headers = {"Content-Type": "application/json"} if body is not None else {}
        data = None if body is None else json.dumps(body).encode("ascii")
        try:
            return self._session.ask(
                method,
                path,
                data,
                dict(headers, **self._bearer.build_headers()),
                self._timeout_s + wait_s,
            )
        except (NoToken, ConfigurationFailed) as error:
            raise Denied(str(error))
        except FetchFailed as error:
            if "CERTIFICATE_VERIFY_FAILED" in str(error):
                raise Denied("%s; if its CA is your own, give that as $SSL_CERT_FILE" % error)
            raise Busy(
                "the pool cannot be reached: %s%s" % (error, _hint_at(self._url, str(error)))
            )

    # -- the interface ---------------------------------------------------------------------------

    def add(self, specs: Iterable[Dict[str, Any]]) -> Tuple[int, int]:
        return self._send_bulk("/v1/tasks", specs)

    def restore(self, tasks: Iterable[Dict[str, Any]]) -> Tuple[int, int]:
        return self._send_bulk("/v1/restore", tasks)

    def _send_bulk(self, path: str, tasks: Iterable[Dict[str, Any]]) -> Tuple[int, int]:
        added, known = 0, 0
        for some in _split_portions(tasks):
            found = self._ask_server("POST", path, {"tasks": some})
            added, known = added + found["added"], known + found["known"]
        return added, known

    def claim(
        self, pilot: str, offer: Offer, count: int, lease_s: float, request_id: str
    ) -> List[Lease]:
        return self.next((), pilot, offer, count, lease_s, request_id)[1]

    def next(self, finals: Iterable[Final], pilot: str, offer: Offer, count: int, lease_s: float,
             request_id: str, wait_s: float = 0.0, begun: Iterable[Tuple[str, int]] = ()
             ) -> Tuple[Dict[Tuple[str, int], str], List[Lease]]:
        finals = list(finals)
        body = {
            "finals": [final._asdict() for final in finals],
            "pilot": pilot,
            "offer": offer._asdict(),
            "count": count,
            "lease_s": lease_s,
            "request_id": request_id,
            "wait_s": min(wait_s, MAX_WAIT_S, lease_s / 2),
            "begun": list(begun),
        }
        try:
            found = self._ask_server("POST", "/v1/next", body, wait_s)
        except Refused as error:
            return self._one_by_one(list(finals), pilot, error), []
        except StaleLease as error:
            raise Busy(str(error))
        with _expect_shape(self._url):
            # a lease begins when it is granted
            waited_s = max(0.0, min(float(found["waited_s"]), wait_s))
            leases = [_read_lease(one, waited_s, lease_s) for one in found["leases"]]
            if len(leases) > count or len({lease.task for lease in leases}) < len(leases):
                raise ValueError("more leases than were asked for")
            return {
                (str(task), int(generation)): str(state)
                for task, generation, state in found["states"]
            }, leases

    def _one_by_one(
        self, finals: List[Final], pilot: str, refusal: "Refused"
    ) -> Dict[Tuple[str, int], str]:
        """The server does not take this as a whole: each end alone, without its result if need be.
        An end that it takes in no form is given up; the lease ends by itself. Raises Busy when
        there was nothing to report."""
        if not finals:
            raise Busy(str(refusal))
        states = {}
        for final in finals:
            plain = final._replace(
                reason=final.reason[:500], result={"refused": str(refusal)[:500]}
            )
            for form in (final, plain):
                try:
                    states[(final.task, final.generation)] = self.finish(form, pilot)
                    break
                except StaleLease:
                    states[(final.task, final.generation)] = "stale"
                    break
                except Refused as error:
                    log.warning("the end of task %s is refused: %s", final.task, error)
                    states[(final.task, final.generation)] = "stale"
        return states

    def nudge(self, pilot: str) -> None:
        self._ask_again("/v1/nudge", {"pilot": pilot})

    def finish(self, final: Final, pilot: str) -> str:
        found = self._ask_server("POST", "/v1/finish", dict(final._asdict(), pilot=pilot))
        with _expect_shape(self._url):
            return str(found["state"])

    def release(self, task: str, generation: int, pilot: str, reason: str) -> None:
        self.finish(Final(task, generation, AttemptOutcome.RELEASED, reason, {}), pilot)

    def renew(
        self, pilot: str, leases: Iterable[Tuple[str, int]], lease_s: float
    ) -> List[Tuple[str, int]]:
        found = self._ask_again(
            "/v1/renew", {"pilot": pilot, "leases": list(leases), "lease_s": lease_s}
        )
        with _expect_shape(self._url):
            return [(str(task), int(generation)) for task, generation in found["stale"]]

    def status(self) -> Dict[str, int]:
        found = self._ask_server("GET", "/v1/status")
        with _expect_shape(self._url):
            return {state: int(found[state]) for state in interface.STATES}

    def pending(self) -> Tuple[int, Optional[float]]:
        found = self._ask_server("GET", "/v1/pending")
        with _expect_shape(self._url):
            return int(found["tasks"]), found["seconds"]

    def show(self, task: str) -> Optional[Dict[str, Any]]:
        status, data = self._send_request("GET", "/v1/tasks/" + quote(task, safe=""), None)
        with _expect_shape(self._url):
            found = json.loads(data.decode("utf-8"))
            if status == 404 and "error" in found:
                return None
            if status == 200:
                return dict(found)
        raise Busy("%s: HTTP %d: %r" % (self._url, status, data[:200]))

    def backlog(self, offer: Offer) -> Backlog:
        found = self._ask_again("/v1/backlog", {"offer": offer._asdict()})
        with _expect_shape(self._url):
            return Backlog(
                int(found[TaskState.TODO]),
                int(found["waiting"]),
                None if found["retry_s"] is None else float(found["retry_s"]),
            )

    def retry(self, tasks: Optional[Iterable[str]]) -> int:
        return int(
            self._ask_server("POST", "/v1/retry", {} if tasks is None else {"tasks": list(tasks)})[
                "count"
            ]
        )

    def cancel(self, tasks: Iterable[str]) -> int:
        return int(self._ask_server("POST", "/v1/cancel", {"tasks": list(tasks)})["count"])

    def export(self, state: Optional[str] = None) -> Iterator[Dict[str, Any]]:
        path, after = "/v1/tasks?limit=%d%s" % (PAGE, "&state=" + state if state else ""), ""
        while True:
            found = self._ask_server("GET", path + after)
            for task in found["tasks"]:
                yield task
            if found["next"] is None:
                return
            after = "&after=" + quote(found["next"], safe="")

    def purge(self, state: str, older_than_s: float, most: int) -> int:
        return int(
            self._ask_server(
                "POST", "/v1/purge", {"state": state, "older_than_s": older_than_s, "most": most}
            )["count"]
        )

    def withdraw(self, pilot: str) -> None:
        """Take back every token of this pilot, if ours is a factory's or an admin's."""
        self._ask_server("POST", "/v1/tokens/withdraw", {"pilot": pilot})

    def mint(self, pilot: str, seconds: float) -> str:
        """A token for this pilot, if ours is a factory's or an admin's."""
        return str(
            self._ask_server("POST", "/v1/tokens", {"pilot": pilot, "seconds": seconds})["token"]
        )

    def patience(self, seconds: float) -> None:
        self._timeout_s = seconds

    def close(self) -> None:
        self._session.close()


def _hint_at(url: str, problem: str) -> str:
    if url.startswith("https") and (
        "WRONG_VERSION_NUMBER" in problem or "wrong version number" in problem
    ):
        return "; does it want http?"
    return (
        "; does it want https?"
        if url.startswith("http:") and "closed connection without" in problem
        else ""
    )


class Refused(UsageError):
    """The server will never take this request: its sentence says why."""


@contextmanager
def _expect_shape(url: str) -> Iterator[None]:
    """Inside, an answer that has not the shape it should have is Busy: somebody else than the pool
    has answered."""
    try:
        yield
    except (
        KeyError,
        TypeError,
        ValueError,
        AttributeError,
        OverflowError,
        RecursionError,
    ) as error:
        raise Busy("%s: this is no pool's answer: %s" % (url, str(error)[:200]))


def _read_lease(one: Any, waited_s: float, lease_s: float) -> Lease:
    """A lease as it was told, checked as `add` checks a task: a server may be broken, or not what
    it seems. ValueError when it is none."""
    spec, mistakes = tasks.check_task(one["spec"], "/")
    if spec is None or spec.get("id") != one["task"]:
        raise ValueError(
            "task %r: %s" % (str(one["task"])[:200], "; ".join(mistakes) or "its id is another")
        )
    generation, attempt, seconds = one["generation"], one["attempt"], one["seconds"]
    if not all(type(number) is int and 0 <= number < 1 << 40 for number in (generation, attempt)):
        raise ValueError("generation or attempt is no whole number")
    if type(seconds) not in (int, float) or not 0 <= seconds <= lease_s + 1:
        raise ValueError("a lease of %r seconds" % seconds)
    return Lease(one["task"], generation, attempt, seconds + waited_s, spec)


def _split_portions(tasks: Iterable[Dict[str, Any]]) -> Iterator[List[Dict[str, Any]]]:
    some, size = [], 0  # type: List[Dict[str, Any]], int
    for task in tasks:
        size += len(json.dumps(task))
        some.append(task)
        if len(some) >= BULK or size > BULK_BYTES:
            yield some
            some, size = [], 0
    if some:
        yield some

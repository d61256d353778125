"""The pool of a server, over HTTP, with the same interface as the file: the agent needs no case for
it.

The client may repeat every request: a claim has a request id, and its lease identifies the end of
an attempt.
"""

import json
import logging
from contextlib import contextmanager
from typing import Any, Dict, Iterable, Iterator, List, Optional, Sequence, Set, Tuple
from urllib.parse import quote

from pilot.pool import interface, task as tasks
from pilot.pool.http_calls import TIMEOUT_S, HTTPCalls, Refused
from pilot.pool.interface import Backlog, Busy, Demand, Final, Lease, Need, Offer, StaleLease
from pilot.pool.spec_text import text_of
from pilot.events.endings import AttemptOutcome, TaskState

MAX_WAIT_S = 20.0
BULK = 1000  # tasks in one request: the server's loop handles so many at once
BULK_BYTES = 2 << 20
PAGE = 500
HEARD_AT_ONCE = 1000
log = logging.getLogger("pilot.pool")


class HTTPPool(interface.Pool):
    """The pool's interface, implemented by a server. UsageError for a malformed URL; Refused (a
    UsageError) for a request that the server will never accept: the agents' own requests raise Busy
    instead."""

    remote = True

    def __init__(
        self, url: str, environ: Optional[Dict[str, str]] = None, timeout_s: float = TIMEOUT_S
    ) -> None:
        self._calls = HTTPCalls(url, environ, timeout_s)

    def add(self, specs: Iterable[Dict[str, Any]]) -> Tuple[int, int]:
        return self.add_texts(text_of(spec) for spec in specs)

    def add_texts(self, texts: Iterable[str]) -> Tuple[int, int]:
        return self._send_bulk("/v1/tasks", texts)

    def restore(self, tasks: Iterable[Dict[str, Any]]) -> Tuple[int, int]:
        return self._send_bulk("/v1/restore", (json.dumps(task) for task in tasks))

    def _send_bulk(self, path: str, texts: Iterable[str]) -> Tuple[int, int]:
        added, known = 0, 0
        for some in _split_portions(texts):
            answer = self._calls.ask("POST", path, '{"tasks": [%s]}' % ", ".join(some))
            added, known = added + answer["added"], known + answer["known"]
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
            answer = self._calls.ask("POST", "/v1/next", body, wait_s)
        except Refused as error:
            return self._one_by_one(list(finals), pilot, error), []
        except StaleLease as error:
            raise Busy(str(error))
        with _expect_shape(self._calls.url):
            # a lease begins when the server grants it
            waited_s = max(0.0, min(float(answer["waited_s"]), wait_s))
            leases = [_read_lease(one, waited_s, lease_s) for one in answer["leases"]]
            if len(leases) > count or len({lease.task for lease in leases}) < len(leases):
                raise ValueError("more leases than were asked for")
            return {
                (str(task), int(generation)): str(state)
                for task, generation, state in answer["states"]
            }, leases

    def _one_by_one(
        self, finals: List[Final], pilot: str, refusal: "Refused"
    ) -> Dict[Tuple[str, int], str]:
        """The server refuses the request with all ends: send each end alone, without its result if
        necessary. An end that the server refuses in every form is given up; its lease runs out by
        itself. Raises Busy when there was nothing to report."""
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
        self._calls.ask_again("/v1/nudge", {"pilot": pilot})

    def finish(self, final: Final, pilot: str) -> str:
        answer = self._calls.ask("POST", "/v1/finish", dict(final._asdict(), pilot=pilot))
        with _expect_shape(self._calls.url):
            return str(answer["state"])

    def release(self, task: str, generation: int, pilot: str, reason: str) -> None:
        self.finish(Final(task, generation, AttemptOutcome.RELEASED, reason, {}), pilot)

    def renew(
        self, pilot: str, leases: Iterable[Tuple[str, int]], lease_s: float
    ) -> List[Tuple[str, int]]:
        answer = self._calls.ask_again(
            "/v1/renew", {"pilot": pilot, "leases": list(leases), "lease_s": lease_s}
        )
        with _expect_shape(self._calls.url):
            return [(str(task), int(generation)) for task, generation in answer["stale"]]

    def status(self) -> Dict[str, int]:
        answer = self._calls.ask("GET", "/v1/status")
        with _expect_shape(self._calls.url):
            return {state: int(answer[state]) for state in interface.STATES}

    def demand(self) -> Demand:
        answer = self._calls.ask("GET", "/v1/demand")
        with _expect_shape(self._calls.url):
            needs = [_read_need(one) for one in answer["needs"]]
            cores = {str(pilot): int(cores) for pilot, cores in answer["holders"].items()}
            return Demand(needs, cores)

    def pending(self) -> Tuple[int, Optional[float]]:
        answer = self._calls.ask("GET", "/v1/pending")
        with _expect_shape(self._calls.url):
            return int(answer["tasks"]), answer["seconds"]

    def show(self, task: str) -> Optional[Dict[str, Any]]:
        status, data = self._calls.send("GET", "/v1/tasks/" + quote(task, safe=""), None)
        with _expect_shape(self._calls.url):
            answer = json.loads(data.decode("utf-8"))
            if status == 404 and "error" in answer:
                return None
            if status == 200:
                return dict(answer)
        raise Busy("%s: HTTP %d: %r" % (self._calls.url, status, data[:200]))

    def backlog(self, offer: Offer) -> Backlog:
        answer = self._calls.ask_again("/v1/backlog", {"offer": offer._asdict()})
        with _expect_shape(self._calls.url):
            return Backlog(
                int(answer[TaskState.TODO]),
                int(answer["waiting"]),
                None if answer["retry_s"] is None else float(answer["retry_s"]),
            )

    def retry(self, tasks: Optional[Iterable[str]]) -> int:
        return int(
            self._calls.ask("POST", "/v1/retry", {} if tasks is None else {"tasks": list(tasks)})[
                "count"
            ]
        )

    def cancel(self, tasks: Iterable[str]) -> int:
        return int(self._calls.ask("POST", "/v1/cancel", {"tasks": list(tasks)})["count"])

    def export(self, state: Optional[str] = None) -> Iterator[Dict[str, object]]:
        path, after = "/v1/tasks?limit=%d%s" % (PAGE, "&state=" + state if state else ""), ""
        while True:
            answer = self._calls.ask("GET", path + after)
            for task in answer["tasks"]:
                yield task
            if answer["next"] is None:
                return
            after = "&after=" + quote(answer["next"], safe="")

    def purge(self, state: str, older_than_s: float, most: int) -> int:
        return int(
            self._calls.ask(
                "POST", "/v1/purge", {"state": state, "older_than_s": older_than_s, "most": most}
            )["count"]
        )

    def withdraw(self, pilot: str) -> None:
        """Revoke every token of this pilot, if ours is a factory's or an admin's."""
        self._calls.ask("POST", "/v1/tokens/withdraw", {"pilot": pilot})

    def mint(self, pilot: str, seconds: float) -> str:
        """A token for this pilot, if ours is a factory's or an admin's."""
        return str(
            self._calls.ask("POST", "/v1/tokens", {"pilot": pilot, "seconds": seconds})["token"]
        )

    def heard(self, pilots: Sequence[str], seconds: float) -> Set[str]:
        heard: Set[str] = set()
        for at in range(0, len(pilots), HEARD_AT_ONCE):
            body = {"pilots": list(pilots[at:at + HEARD_AT_ONCE]), "seconds": seconds}
            answer = self._calls.ask("POST", "/v1/pilots/heard", body)
            with _expect_shape(self._calls.url):
                heard.update(str(pilot) for pilot in answer["pilots"])
        return heard

    def start_token(self, prefix: str, pilots: int, seconds: float) -> str:
        body = {"prefix": prefix, "count": pilots, "seconds": seconds}
        return str(self._calls.ask("POST", "/v1/tokens/start", body)["token"])

    def patience(self, seconds: float) -> None:
        self._calls.timeout_s = seconds

    def close(self) -> None:
        self._calls.close()


@contextmanager
def _expect_shape(url: str) -> Iterator[None]:
    """Inside, an answer of the wrong form raises Busy: another program than the pool has
    answered."""
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
    """A lease from the server's answer, checked as `add` checks a task, because the server may be
    broken or an impostor. ValueError when it is malformed."""
    spec, mistakes = tasks.check_task(one["spec"], "/", 0)  # the whole answer is bounded
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


def _read_need(one: Any) -> Need:
    return Need(
        int(one["cores"]),
        int(one["memory_mb"]),
        int(one["gpus"]),
        float(one["walltime_s"]),
        tuple(str(tag) for tag in one["tags"]),
        bool(one["container"]),
        int(one["todo"]),
        int(one["waiting"]),
        int(one["locked"]),
    )


def _split_portions(texts: Iterable[str]) -> Iterator[List[str]]:
    some, size = [], 0  # type: List[str], int
    for text in texts:
        some.append(text)
        size += len(text)
        if len(some) >= BULK or size > BULK_BYTES:
            yield some
            some, size = [], 0
    if some:
        yield some

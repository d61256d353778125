"""The server's parts put together, and each request's way: address, token, fields, work, answer."""

import asyncio
import concurrent.futures
import json
import logging
import re
import time
import traceback
from typing import Any, Callable, Dict, List, NamedTuple, Optional

from pilot.pool.interface import Busy
from pilot.ops.server import page, routes, shape, story as stories, tasks_api, wire
from pilot.ops.server.call import Call
from pilot.ops.server.connection import MAX_CONNECTIONS, Connection, Connections
from pilot.ops.server.hub import SWEEP_S, CommitQueue
from pilot.ops.server.reader import Reader
from pilot.ops.server.routes import Route
from pilot.ops.server.tokens import LOCAL, Identity, Keyring, BadToken
from pilot.ops.server.store import Store
from pilot.ops.server.wire import Answer, BadRequest, Head, answer_error
from pilot.events.endings import TaskState

TICK_S = 60.0
PILOT_BYTES = 2 << 20  # of a body from a pilot
# lists, objects and commas of a body: the loop waits while they are read
PILOT_PARTS, MOST_PARTS = 100000, 500000
FORGET_AGAIN_S = 0.1
PURGE_ROWS = 1000
_LOOPBACK = re.compile(r"127(\.[0-9]{1,3}){3}\Z")
log = logging.getLogger("pilot.pool")


class Retention(NamedTuple):
    """How long and how much of the pilots' story is kept, and for how long what is done."""

    days: float = 30.0
    megabytes: float = 4000.0
    done_days: Optional[float] = None  # tasks that are done; None: for ever


class Admitted(NamedTuple):
    """A request whose head was looked at: where it goes, and whose it is."""

    route: Route
    at: Dict[str, str]
    who: Identity
    token: str


class Server:
    """What every handler may use. `pool` is asked by this thread alone."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        pool: Store,
        path: str,
        keyring: Optional[Keyring],
        keep: Retention = Retention(),
        max_connections: int = MAX_CONNECTIONS,
    ) -> None:
        self.loop, self.pool, self.keyring, self.keep = loop, pool, keyring, keep
        self.began = time.monotonic()
        self.story = stories.Story(
            stories.path_of(path), int(min(stories.PILOT_BYTES, keep.megabytes * (1 << 20) / 20))
        )
        self.reader = Reader(path, stories.path_of(path))
        self.hub = CommitQueue(loop, pool, self.story)
        self.house = Connections(self._handle_request, self._body_limit, max_connections)
        self._readers = concurrent.futures.ThreadPoolExecutor(1, "reader")
        self._timers: List[Any] = []
        # called when the file is not what it was
        self.on_problem: Callable[[str], None] = lambda sentence: None
        self.problem: Callable[[], str] = lambda: ""
        self._forgetting: Any = None

    def connection(self) -> Connection:
        """asyncio's protocol factory."""
        return Connection(self.house, self.loop)

    def start(self) -> None:
        """The regular duties."""
        self._run_every(SWEEP_S, self._sweep_old)
        self._run_every(TICK_S, self._tick_second)

    def stop(self) -> None:
        """Nothing more is taken; what was taken is done."""
        for timer in self._timers + [self._forgetting] * (self._forgetting is not None):
            timer.cancel()
        self.hub.drain()
        self.house.close()

    def close(self) -> None:
        """Let go of everything."""
        self._readers.shutdown()
        self.reader.close()
        self.story.close()
        self.pool.close()

    def _run_every(self, seconds: float, duty: Any) -> None:
        def again() -> None:
            self._timers[:] = [timer for timer in self._timers if timer is not handle]
            self._run_every(seconds, duty)
            try:
                duty()
            except Busy as error:
                log.warning("%s", error)

        handle = self.loop.call_later(seconds, again)
        self._timers.append(handle)

    def _sweep_old(self) -> None:
        problem = self.problem()
        if problem:
            return self.on_problem(problem)
        self.house.sweep()
        self.hub.sweep()

    def _tick_second(self) -> None:
        news = self.house.news()
        if news:
            log.warning("%s", news)
        self.hub.submit(self._count_states, lambda answer: None)
        if self._forgetting is None:
            self._forget_old()

    def _count_states(self) -> Answer:
        """Within the transaction of a batch."""
        self.pool.forget_requests()
        if self.keep.done_days is not None:
            self.pool.purge(TaskState.DONE, self.keep.done_days * 86400, PURGE_ROWS)
        self.loop.call_soon(self._keep_count, self.pool.status())
        return tasks_api.NOTHING

    def _keep_count(self, counts: Dict[str, int]) -> None:
        try:
            with self.story.batch():
                self.story.tick(counts)
        except Busy as error:
            log.warning("%s", error)

    def _forget_old(self) -> None:
        """As much as came: again and again while there is more, with room for requests between."""
        try:
            with self.story.batch():
                more = self.story.forget(
                    time.time() - self.keep.days * 86400, int(self.keep.megabytes * (1 << 20))
                )
        except Busy as error:
            more = False
            log.warning("%s", error)
        self._forgetting = self.loop.call_later(FORGET_AGAIN_S, self._forget_old) if more else None

    # -- a request's way -------------------------------------------------------------------------

    def _handle_request(self, connection: Connection, head: Head, body: bytes) -> None:
        def respond(answer: Answer) -> None:
            connection.respond(head, answer)

        try:
            ready = self._prepare_call(connection, head, body)
        except BadRequest as error:
            extra = wire.WHO_ARE_YOU if error.status == 401 else ""
            return respond(answer_error(error.status, str(error), extra))
        if isinstance(ready, Answer):
            return respond(ready)
        route, call = ready
        if route.how == "now":
            respond(_answer_now(route, call))
        elif route.how == "read":
            self._read_answer(route, call, respond)
        elif route.how == "tell":
            self.hub.submit(lambda: route.run(call), respond, story=True)
        elif route.how == "wait" and call.given["wait_s"] and call.given["count"]:
            pilot: str = call.given["pilot"]
            connection.on_lost = lambda: self.hub.forget(pilot, respond)
            wait_s = min(call.given["wait_s"], call.given["lease_s"] / 2)
            self.hub.submit_waiting(
                lambda: route.run(call), respond, pilot, wait_s, tasks_api.NOTHING
            )
        else:
            self.hub.submit(lambda: route.run(call), respond)

    def _prepare_call(self, connection: Connection, head: Head, body: bytes) -> Any:
        """The route and its checked call, or an answer at once."""
        admitted = connection.admitted  # a POST was looked at before its body was taken
        if admitted is None:
            found = routes.find_route(head.method, head.path)
            if found is None:
                return page.page_answer(head) or _lost_answer(head)
            admitted = self._admit_client(connection, head, *found)
        connection.admitted = None
        route, at, who, token = admitted
        if route.method == "GET":
            given = shape.from_query(head.query, route.fields)
        else:
            given = shape.check_fields(
                wire.parse_body(body, PILOT_PARTS if who.role == "pilot" else MOST_PARTS),
                route.fields,
            )
        call = Call(self, who, at, given, token, time.monotonic())
        if "pilot" in given:
            call.own(given["pilot"])
        return route, call

    def _admit_client(
        self, connection: Connection, head: Head, route: Route, at: Dict[str, str]
    ) -> Admitted:
        """Who has shown a good token may stay; where none is needed, who may ask for more than the
        page. Raises BadRequest."""
        if route.roles or head.method == "POST":
            self._trust_origin(head)
        token = _token_of(head)
        who = self._identify_caller(route, token)
        if route.roles:
            connection.trust(who.name if who.role == "pilot" else "")
        return Admitted(route, at, who, token)

    def _body_limit(self, connection: Connection, head: Head) -> int:
        """How long this body may be: nothing of a stranger's is taken into memory. Raises
        BadRequest."""
        if head.method != "POST":
            return 0
        found = routes.find_route(head.method, head.path)
        if found is None:
            answer = _lost_answer(head)
            raise BadRequest(answer.status, str(json.loads(answer.body.decode("ascii"))["error"]))
        connection.admitted = self._admit_client(connection, head, *found)
        limit = found[0].limit
        return min(limit, PILOT_BYTES) if connection.admitted.who.role == "pilot" else limit

    def _trust_origin(self, head: Head) -> None:
        """Against pages of others in an operator's browser: a body says that it is JSON, which they
        may not send unasked; and where no token is needed, we are called by a name of this machine,
        and from no page but ours. Raises BadRequest."""
        host, origin = head.headers.get("host", ""), head.headers.get("origin")
        if (
            head.method == "POST"
            and head.headers.get("content-type", "").split(";")[0].strip().lower()
            != "application/json"
        ):
            raise BadRequest(415, "a body is JSON and says so: Content-Type: application/json")
        if self.keyring is None and not _is_local(host):
            raise BadRequest(
                403,
                "without tokens this server answers to this machine's own names only, not to %r"
                % host[:100],
            )
        if origin is not None and origin.partition("://")[2] != host:
            raise BadRequest(403, "a page of %s may not ask this server" % origin[:100])

    def _identify_caller(self, route: Route, token: str) -> Identity:
        if self.keyring is None or not route.roles:
            return LOCAL
        if not token:
            raise BadRequest(401, "a token is needed")
        try:
            who = self.keyring.identify(token)
        except BadToken as error:
            raise BadRequest(401, str(error))
        if who.role not in route.roles:
            raise BadRequest(
                403,
                "%s %s may not do this: it is for %s"
                % (who.role, who.name, ", ".join(route.roles)),
            )
        return who

    def _read_answer(self, route: Route, call: Call, respond: Any) -> None:
        def done(future: Any) -> None:
            error = future.exception()
            if isinstance(error, BadRequest):
                respond(answer_error(error.status, str(error)))
            elif error is not None:
                log.error(
                    "%s could not be read:\n%s",
                    route.path,
                    "".join(traceback.format_exception(type(error), error, error.__traceback__)),
                )
                respond(answer_error(500, "the story could not be read; the server's log says why"))
            else:
                respond(future.result())

        self.loop.run_in_executor(self._readers, route.run, call).add_done_callback(done)


def _answer_now(route: Route, call: Call) -> Answer:
    try:
        answer = route.run(call)
    except BadRequest as error:
        return answer_error(error.status, str(error))
    assert answer is not None
    return answer


def _token_of(head: Head) -> str:
    kind, _, token = head.headers.get("authorization", "").partition(" ")
    return token.strip() if kind.lower() == "bearer" else ""


def _is_local(host: str) -> bool:
    name = host[1:host.find("]")] if host.startswith("[") else host.partition(":")[0]
    return name in ("", "localhost", "::1") or bool(_LOOPBACK.match(name))


def _lost_answer(head: Head) -> Answer:
    methods = routes.methods_of(head.path)
    if methods:
        return answer_error(
            405,
            "%s is not for this address, but %s" % (head.method, " and ".join(methods)),
            "Allow: %s\r\n" % ", ".join(methods),
        )
    return answer_error(404, "there is no such address here; /v1/status is one")

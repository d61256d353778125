"""Takes each request through its steps: address, token, fields, handler, answer."""

import asyncio
import concurrent.futures
import json
import logging
import time
import traceback
from typing import Dict, Tuple, Union

from pilot.ops.server import page, routes, shape, tasks_api, wire
from pilot.ops.server.admission import Admitted, admit_request
from pilot.ops.server.call import Call
from pilot.ops.server.connection import Connection, Handler
from pilot.ops.server.route import Route
from pilot.ops.server.services import Services
from pilot.ops.server.waiting_claims import Respond
from pilot.ops.server.wire import Answer, BadRequest, Head, answer_error

PILOT_BYTES = 2 << 20  # maximum size of a body from a pilot
# Maximum number of lists, objects and commas in a body: the event loop is blocked while the server
# parses them.
PILOT_PARTS, MOST_PARTS = 100000, 500000
log = logging.getLogger("pilot.pool")


class Dispatcher(Handler):
    """Finds the route of each request, checks the request and runs its handler: at once, in the
    next transaction, or in the thread of the reader."""

    def __init__(self, loop: asyncio.AbstractEventLoop, services: Services) -> None:
        self._loop, self.services = loop, services
        self._readers = concurrent.futures.ThreadPoolExecutor(1, "reader")

    def close(self) -> None:
        """Stop the thread of the reader."""
        self._readers.shutdown()

    def handle_request(self, connection: Connection, head: Head, body: bytes) -> None:
        """Handle a request whose body is complete."""
        def respond(answer: Answer) -> None:
            connection.respond(head, answer)

        try:
            ready = self._prepare_call(connection, head, body)
        except BadRequest as error:
            extra = wire.ASK_FOR_TOKEN if error.status == 401 else ""
            return respond(answer_error(error.status, str(error), extra))
        if isinstance(ready, Answer):
            return respond(ready)
        self._run_call(connection, ready[0], ready[1], respond)

    def _run_call(
        self, connection: Connection, route: Route, call: Call, respond: Respond
    ) -> None:
        commit_queue = self.services.commit_queue
        if route.how == "now":
            respond(_answer_now(route, call))
        elif route.how == "read":
            self._read_answer(route, call, respond)
        elif route.how == "story":
            commit_queue.submit(lambda: route.run(call), respond, story=True)
        elif route.how == "wait" and call.given["wait_s"] and call.given["count"]:
            pilot: str = call.given["pilot"]
            connection.on_lost = lambda: commit_queue.forget_waiter(pilot, respond)
            wait_s = min(call.given["wait_s"], call.given["lease_s"] / 2)
            commit_queue.submit_waiting(
                lambda: route.run(call), respond, pilot, wait_s, tasks_api.NOTHING
            )
        else:
            reads = route.method == "GET"
            commit_queue.submit(lambda: route.run(call), respond, reads=reads)

    def _prepare_call(
        self, connection: Connection, head: Head, body: bytes
    ) -> Union[Answer, Tuple[Route, Call]]:
        """Return the route and its checked call, or an answer to send at once. Raises
        BadRequest."""
        admitted = connection.admitted  # `limit_body` has already admitted a POST
        if not isinstance(admitted, Admitted):
            match = routes.find_route(head.method, head.path)
            if match is None:
                return page.page_answer(head) or _unknown_address(head)
            admitted = self._admit_client(connection, head, *match)
        connection.admitted = None
        route, at, who, token = admitted
        if route.method == "GET":
            given = shape.from_query(head.query, route.fields)
        else:
            given = shape.check_fields(
                wire.parse_body(body, PILOT_PARTS if who.role == "pilot" else MOST_PARTS),
                route.fields,
            )
        call = Call(self.services, who, at, given, token, time.monotonic())
        if "pilot" in given:
            call.check_owner(given["pilot"])
        return route, call

    def _admit_client(
        self, connection: Connection, head: Head, route: Route, at: Dict[str, str]
    ) -> Admitted:
        """Check the client. A client with a valid token gets the longer time limits. A route
        without roles does not make a client trusted. Raises BadRequest."""
        admitted = admit_request(self.services.keyring, head, route, at)
        if route.roles:
            who = admitted.who
            connection.trust_client(who.name if who.role == "pilot" else "")
        return admitted

    def limit_body(self, connection: Connection, head: Head) -> int:
        """Return the maximum size of this body. The server reads no body of an unknown client into
        memory. Raises BadRequest."""
        if head.method != "POST":
            return 0
        match = routes.find_route(head.method, head.path)
        if match is None:
            answer = _unknown_address(head)
            raise BadRequest(answer.status, str(json.loads(answer.body.decode("ascii"))["error"]))
        admitted = self._admit_client(connection, head, *match)
        connection.admitted = admitted
        limit = admitted.route.limit
        return min(limit, PILOT_BYTES) if admitted.who.role == "pilot" else limit

    def _read_answer(self, route: Route, call: Call, respond: Respond) -> None:
        def send_result(future: "asyncio.Future[Union[Answer, None]]") -> None:
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
                answer = future.result()
                assert answer is not None
                respond(answer)

        self._loop.run_in_executor(self._readers, route.run, call).add_done_callback(send_result)


def _answer_now(route: Route, call: Call) -> Answer:
    try:
        answer = route.run(call)
    except BadRequest as error:
        return answer_error(error.status, str(error))
    assert answer is not None
    return answer


def _unknown_address(head: Head) -> Answer:
    methods = routes.methods_of(head.path)
    if methods:
        return answer_error(
            405,
            "this address does not support %s, but %s" % (head.method, " and ".join(methods)),
            "Allow: %s\r\n" % ", ".join(methods),
        )
    return answer_error(404, "this server has no such address; /v1/status is one")

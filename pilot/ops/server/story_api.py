"""The API's half about pilots: their events in, their story out, their tokens."""

import json
import time
from typing import Any, Dict

from pilot.events import event as events
from pilot import values
from pilot.ops.server import metrics as metrics_text
from pilot.ops.server.call import Call
from pilot.ops.server.tokens import BadToken
from pilot.ops.server.wire import Answer, BadRequest, answer_error, answer_json

MAX_EVENT = 1 << 18
_NAMES = ("pilot", "event")


def post_events(call: Call) -> Answer:
    """POST /v1/events"""
    given = call.given["events"]
    for event in given:
        _check_event(event)
        call.own(event["pilot"])
        if event["event"] == events.FACTORY_STATE and call.who.role == "pilot":
            raise BadRequest(403, "a pilot tells no factory's state")
    return answer_json({"new": call.server.story.tell(given), "heard": len(given)})


def _check_event(event: Dict[str, Any]) -> None:
    for name in _NAMES:
        if not isinstance(event.get(name), str) or not 0 < len(event[name]) <= 128:
            raise BadRequest(400, "an event has a %s, a text of at most 128 characters" % name)
    seq = event.get("seq")
    if not isinstance(seq, int) or isinstance(seq, bool) or not 0 < seq < 1 << 53:
        raise BadRequest(400, "an event has a seq, a whole number from 1")
    if len(event) > 200 or len(json.dumps(event)) > MAX_EVENT:
        raise BadRequest(400, "an event has at most 200 fields and %d bytes" % MAX_EVENT)


def mint_token(call: Call) -> Answer:
    """POST /v1/tokens"""
    if call.server.keyring is None:
        return answer_error(409, "this server runs without tokens")
    try:
        pilot_id = values.name(call.given["pilot"])
    except ValueError as error:
        raise BadRequest(400, "no pilot can have this id: %s" % error)
    return answer_json({"token": call.server.keyring.mint(pilot_id, call.given["seconds"])})


def withdraw_token(call: Call) -> Answer:
    """POST /v1/tokens/withdraw"""
    if call.server.keyring is None:
        return answer_error(409, "this server runs without tokens")
    try:
        call.server.keyring.withdraw(call.given["pilot"])
    except (OSError, ValueError) as error:
        raise BadRequest(400, "it cannot be withdrawn: %s" % error)
    return answer_json({})


def renew_token(call: Call) -> Answer:
    """POST /v1/tokens/renew"""
    if call.server.keyring is None:
        return answer_error(409, "this server runs without tokens")
    try:
        return answer_json({"token": call.server.keyring.renew(call.token)})
    except BadToken as error:
        return answer_error(403, str(error))


def _since_when(call: Call) -> float:
    return time.time() - float(call.given["hours"]) * 3600


def get_overview(call: Call) -> Answer:
    """GET /v1/overview"""
    return answer_json(
        dict(
            call.server.reader.overview(_since_when(call)),
            uptime_s=round(time.monotonic() - call.server.began),
        )
    )


def list_pilots(call: Call) -> Answer:
    """GET /v1/pilots"""
    given = call.given
    return answer_json(
        call.server.reader.pilots(
            {key: given[key] for key in ("site", "state", "command") if given[key]},
            given["after"],
            given["limit"],
        )
    )


def get_pilot(call: Call) -> Answer:
    """GET /v1/pilots/{pilot}"""
    found = call.server.reader.pilot(call.own(call.at["pilot"]))
    return (
        answer_json(found)
        if found
        else answer_error(404, "nothing was heard of pilot %r" % call.at["pilot"])
    )


def pilot_events(call: Call) -> Answer:
    """GET /v1/pilots/{pilot}/events"""
    given = call.given
    return answer_json(
        {
            "events": call.server.reader.events(
                call.own(call.at["pilot"]), given["after"], given["limit"], given["kind"]
            )
        }
    )


def list_sites(call: Call) -> Answer:
    """GET /v1/sites"""
    return answer_json({"sites": call.server.reader.sites(_since_when(call))})


def list_factories(call: Call) -> Answer:
    """GET /v1/factories"""
    return answer_json({"factories": call.server.reader.factories()})


def get_statistics(call: Call) -> Answer:
    """GET /v1/statistics"""
    return answer_json(call.server.reader.statistics(_since_when(call)))


def get_metrics(call: Call) -> Answer:
    """GET /metrics"""
    return Answer(
        200,
        metrics_text.metrics_text(call.server).encode("utf-8"),
        "text/plain; version=0.0.4; charset=utf-8",
    )


def get_health(call: Call) -> Answer:
    """GET /healthz"""
    call.server.pool.touch()
    return answer_json({"status": "ok"})

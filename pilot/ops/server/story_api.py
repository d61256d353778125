"""Handlers of the routes for pilots. They receive events, answer from stories, and issue tokens."""

import json
import time
from typing import Dict

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
        call.check_owner(event["pilot"])
        if event["event"] == events.FACTORY_STATE and call.who.role == "pilot":
            raise BadRequest(403, "a pilot may not report the state of a factory")
    return answer_json({"new": call.services.story.add_events(given), "heard": len(given)})


def _check_event(event: Dict[str, object]) -> None:
    for name in _NAMES:
        value = event.get(name)
        if not isinstance(value, str) or not 0 < len(value) <= 128:
            raise BadRequest(400, "the field %s of an event is a text of at most 128 characters" % name)
    seq = event.get("seq")
    if not isinstance(seq, int) or isinstance(seq, bool) or not 0 < seq < 1 << 53:
        raise BadRequest(400, "the field seq of an event is a whole number from 1")
    if len(event) > 200 or len(json.dumps(event)) > MAX_EVENT:
        raise BadRequest(400, "an event has at most 200 fields and %d bytes" % MAX_EVENT)


def mint_token(call: Call) -> Answer:
    """POST /v1/tokens"""
    if call.services.keyring is None:
        return answer_error(409, "this server runs without tokens")
    try:
        pilot_id = values.name(call.given["pilot"])
    except ValueError as error:
        raise BadRequest(400, "this is no valid pilot id: %s" % error)
    return answer_json({"token": call.services.keyring.mint(pilot_id, call.given["seconds"])})


def make_start_token(call: Call) -> Answer:
    """POST /v1/tokens/start"""
    if call.services.keyring is None:
        return answer_error(409, "this server runs without tokens")
    given = call.given
    try:
        prefix = values.name(given["prefix"])
    except ValueError as error:
        raise BadRequest(400, "this is no valid beginning of a pilot id: %s" % error)
    token = call.services.keyring.start_token(prefix, given["count"], given["seconds"])
    return answer_json({"token": token})


def exchange_token(call: Call) -> Answer:
    """POST /v1/tokens/exchange"""
    pilot, who = call.given["id"], call.who
    if call.services.keyring is None:
        return answer_error(409, "this server runs without tokens")
    if not pilot.startswith(who.name):
        return answer_error(
            403, "this start token is for pilots whose ids begin with %s, not %s" % (who.name, pilot)
        )
    refusal = call.services.pool.note_exchange(call.token, who.pilots, who.until, pilot)
    if refusal is not None:
        return answer_error(403, refusal)
    return answer_json({"token": call.services.keyring.mint(pilot)})


def withdraw_token(call: Call) -> Answer:
    """POST /v1/tokens/withdraw"""
    if call.services.keyring is None:
        return answer_error(409, "this server runs without tokens")
    try:
        call.services.keyring.withdraw(call.given["pilot"])
    except (OSError, ValueError) as error:
        raise BadRequest(400, "its tokens cannot be revoked: %s" % error)
    return answer_json({})


def renew_token(call: Call) -> Answer:
    """POST /v1/tokens/renew"""
    if call.services.keyring is None:
        return answer_error(409, "this server runs without tokens")
    try:
        return answer_json({"token": call.services.keyring.renew(call.token)})
    except BadToken as error:
        return answer_error(403, str(error))


def _since_when(call: Call) -> float:
    return time.time() - float(call.given["hours"]) * 3600


def get_overview(call: Call) -> Answer:
    """GET /v1/overview"""
    return answer_json(
        dict(
            call.services.reader.read_overview(_since_when(call)),
            uptime_s=round(time.monotonic() - call.services.started),
        )
    )


def list_pilots(call: Call) -> Answer:
    """GET /v1/pilots"""
    given = call.given
    return answer_json(
        call.services.reader.list_pilots(
            {key: given[key] for key in ("site", "state", "command") if given[key]},
            given["after"],
            given["limit"],
        )
    )


def get_pilot(call: Call) -> Answer:
    """GET /v1/pilots/{pilot}"""
    pilot = call.services.reader.read_pilot(call.check_owner(call.at["pilot"]))
    return (
        answer_json(pilot)
        if pilot
        else answer_error(404, "there are no events of pilot %r" % call.at["pilot"])
    )


def pilot_events(call: Call) -> Answer:
    """GET /v1/pilots/{pilot}/events"""
    given = call.given
    return answer_json(
        {
            "events": call.services.reader.list_events(
                call.check_owner(call.at["pilot"]), given["after"], given["limit"], given["kind"]
            )
        }
    )


def list_heard(call: Call) -> Answer:
    """POST /v1/pilots/heard"""
    since = time.time() - float(call.given["seconds"])
    return answer_json({"pilots": call.services.reader.list_heard(call.given["pilots"], since)})


def list_sites(call: Call) -> Answer:
    """GET /v1/sites"""
    return answer_json({"sites": call.services.reader.list_sites(_since_when(call))})


def list_factories(call: Call) -> Answer:
    """GET /v1/factories"""
    return answer_json({"factories": call.services.reader.list_factories(_since_when(call))})


def get_statistics(call: Call) -> Answer:
    """GET /v1/statistics"""
    return answer_json(call.services.reader.read_statistics(_since_when(call)))


def get_metrics(call: Call) -> Answer:
    """GET /metrics"""
    return Answer(
        200,
        metrics_text.metrics_text(call.services).encode("utf-8"),
        "text/plain; version=0.0.4; charset=utf-8",
    )


def get_health(call: Call) -> Answer:
    """GET /healthz"""
    call.services.pool.check_writable()
    return answer_json({"status": "ok"})

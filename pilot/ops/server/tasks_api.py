"""Handlers of the routes for tasks. Each function handles one request within the transaction of its
batch."""

import json
import time
from typing import Any, Dict, List, Optional, Tuple

from pilot.pool import task
from pilot.pool import exported as moving
from pilot.events.endings import TaskState
from pilot.pool.interface import STALE, Final, Grant, Offer, StaleLease
from pilot.pool.spec_text import keep_text, text_of
from pilot.ops.server.call import Call
from pilot.ops.server.wire import Answer, BadRequest, answer_error, answer_json

# the answer to a claim that timed out
NOTHING = answer_json({"states": [], "leases": [], "waited_s": 0.0})


def add_tasks(call: Call) -> Answer:
    """POST /v1/tasks"""
    specs, problems = [], []  # type: List[Dict[str, object]], List[str]
    for number, given in enumerate(call.given["tasks"], 1):
        text = text_of(given)
        spec, mistakes = task.check_task(given, "/", len(text))
        if spec is not None:
            specs.append(
                keep_text(spec, given, text)
                if "id" in spec
                else task.give_id("task", number, spec)
            )
        problems += ["task %d: %s" % (number, mistake) for mistake in mistakes]
    if problems:
        raise BadRequest(400, "; ".join(problems[:20]))
    added, known = call.services.pool.add(specs)
    call.services.commit_queue.retry_waiting()
    return answer_json({"added": added, "known": known})


def list_tasks(call: Call) -> Answer:
    """GET /v1/tasks"""
    limit: int = call.given["limit"]
    try:
        tasks, more = call.services.reader.list_tasks(
            call.given["after"], limit, call.given["state"]
        )
    except KeyError:
        raise BadRequest(404, "there is no task %r to continue after" % call.given["after"])
    return answer_json({"tasks": tasks, "next": tasks[-1]["id"] if more else None})


def purge_ended(call: Call) -> Answer:
    """POST /v1/purge"""
    given = call.given
    return answer_json(
        {"count": call.services.pool.purge(given["state"], given["older_than_s"], given["most"])}
    )


def show_task(call: Call) -> Answer:
    """GET /v1/tasks/{task}"""
    shown = call.services.pool.show(call.at["task"])
    return (
        answer_json(shown)
        if shown is not None
        else answer_error(404, "there is no task %r" % call.at["task"])
    )


def claim_tasks(call: Call) -> Optional[Answer]:
    """POST /v1/claim"""
    return next_tasks(call._replace(given=dict(call.given, finals=[], begun=[])))


def next_tasks(call: Call) -> Optional[Answer]:
    """POST /v1/next; returns None if no task fits yet."""
    given = call.given
    pilot = call.check_owner(given["pilot"])
    finals = [
        Final(one["task"], one["generation"], one["outcome"], one["reason"], one["result"])
        for one in given["finals"]
    ]
    begun = [(one, generation) for one, generation in given["begun"]]
    states, grants = call.services.pool.grant(
        finals,
        pilot,
        _read_offer(given["offer"]),
        given["count"],
        given["lease_s"],
        given["request_id"],
        begun,
    )
    if any(state in (TaskState.TODO, STALE) for state in states.values()):
        call.services.commit_queue.retry_waiting()
    waits = given["wait_s"] and given["count"] and not finals
    if not grants and waits and not call.services.pool.is_overtaken(pilot, given["request_id"]):
        return None
    return _grant_answer(states, grants, round(time.monotonic() - call.came, 3))


def _grant_answer(
    states: Dict[Tuple[str, int], str], grants: List[Grant], waited_s: float
) -> Answer:
    """The answer to a claim. The specs' texts are copied, because to code each again would take
    most of the time of a claim."""
    shown = json.dumps([[one, generation, state] for (one, generation), state in states.items()])
    leases = ",".join(
        '{"task":%s,"generation":%d,"attempt":%d,"seconds":%s,"spec":%s}'
        % (json.dumps(one.task), one.generation, one.attempt, json.dumps(one.seconds), one.spec)
        for one in grants
    )
    text = '{"states":%s,"leases":[%s],"waited_s":%s}' % (shown, leases, json.dumps(waited_s))
    return Answer(200, text.encode("utf-8"))


def _read_offer(given: Dict[str, Any]) -> Offer:
    return Offer(
        given["cores"],
        given.get("memory_mb"),
        given.get("gpus") or 0,
        given.get("time_left_s"),
        tuple(given.get("tags") or ()),
        bool(given.get("containers")),
        given.get("unbounded", True),
    )


def nudge_pilot(call: Call) -> Answer:
    """POST /v1/nudge"""
    call.services.commit_queue.nudge(call.check_owner(call.given["pilot"]))
    return answer_json({})


def finish_attempts(call: Call) -> Answer:
    """POST /v1/finish"""
    given = call.given
    final = Final(
        given["task"], given["generation"], given["outcome"], given["reason"], given["result"]
    )
    try:
        state = call.services.pool.finish(final, call.check_owner(given["pilot"]))
    except StaleLease as error:
        call.services.commit_queue.retry_waiting()
        return answer_error(409, "this pilot no longer has the lease: %s" % error)
    if state == TaskState.TODO:
        call.services.commit_queue.retry_waiting()
    return answer_json({"state": state})


def renew_leases(call: Call) -> Answer:
    """POST /v1/renew"""
    leases: List[Tuple[str, int]] = [(one, generation) for one, generation in call.given["leases"]]
    return answer_json(
        {
            "stale": call.services.pool.renew(
                call.check_owner(call.given["pilot"]), leases, call.given["lease_s"]
            )
        }
    )


def get_backlog(call: Call) -> Answer:
    """POST /v1/backlog"""
    return answer_json(call.services.pool.backlog(_read_offer(call.given["offer"]))._asdict())


def get_status(call: Call) -> Answer:
    """GET /v1/status"""
    return answer_json(call.services.pool.status())


def get_demand(call: Call) -> Answer:
    """GET /v1/demand"""
    demand = call.services.pool.demand()
    return answer_json(
        {"needs": [need._asdict() for need in demand.needs], "holders": demand.holders or {}}
    )


def list_pending(call: Call) -> Answer:
    """GET /v1/pending"""
    tasks, seconds = call.services.pool.pending()
    return answer_json({"tasks": tasks, "seconds": seconds})


def retry_tasks(call: Call) -> Answer:
    """POST /v1/retry"""
    count = call.services.pool.retry(call.given["tasks"])
    call.services.commit_queue.retry_waiting()
    return answer_json({"count": count})


def cancel_tasks(call: Call) -> Answer:
    """POST /v1/cancel"""
    return answer_json({"count": call.services.pool.cancel(call.given["tasks"])})


def restore_tasks(call: Call) -> Answer:
    """POST /v1/restore"""
    problems = [mistake for one in call.given["tasks"] for mistake in moving.find_problems(one)]
    if problems:
        raise BadRequest(400, "; ".join(problems[:20]))
    added, known = call.services.pool.restore(call.given["tasks"])
    call.services.commit_queue.retry_waiting()
    return answer_json({"added": added, "known": known})

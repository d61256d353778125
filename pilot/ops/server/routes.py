"""The API's table: which address does what for whom, with which fields. docs/openapi.json is made
from it."""

from typing import Any, Callable, Dict, List, NamedTuple, Optional, Tuple

from pilot.pool.interface import OUTCOMES, STATES
from pilot.ops.server import shape, tasks_api, story_api
from pilot.ops.server.call import Call
from pilot.ops.server.shape import Shapes
from pilot.ops.server.wire import Answer
from pilot.events.endings import TaskState

ANYBODY: Tuple[str, ...] = ()
READERS = ("reader", "factory", "admin", "pilot")
LOOKERS = ("reader", "factory", "admin")
WORKERS = ("pilot", "factory", "admin")
MEGABYTE = 1 << 20


class Route(NamedTuple):
    """One address. `how`: "now" answers at once, "write" within a transaction, "tell" within one of
    the stories, "wait" within a transaction but may wait for work, "read" in a thread of its own
    from a snapshot."""

    method: str
    path: str
    roles: Tuple[str, ...]
    how: str
    run: Callable[[Call], Optional[Answer]]
    fields: Shapes
    says: str
    limit: int = MEGABYTE


NAME, TASK = shape.text_of(128), shape.text_of(200)
LEASE_FIELDS: Shapes = {"task": TASK, "generation": shape.whole_number(0, 1 << 40)}
FINAL: Shapes = dict(
    LEASE_FIELDS,
    outcome=shape.one_of(*OUTCOMES),
    reason=shape.text_of(4000, 0),
    result=shape.any_object(),
)
OFFER: Shapes = {
    "cores": shape.whole_number(0, 1 << 30),
    "memory_mb": shape.whole_number(0, 1 << 50).optional(),
    "gpus": shape.whole_number(0, 1 << 20).optional(0),
    "time_left_s": shape.any_number(-1e12, 1e12).optional(),
    "tags": shape.list_of(shape.text_of(200), 200).optional([]),
    "containers": shape.true_or_false().optional(False),
    "unbounded": shape.true_or_false().optional(True),
}
CLAIM: Shapes = {
    "pilot": NAME,
    "offer": shape.record_of(OFFER),
    "count": shape.whole_number(0, 1000),
    "lease_s": shape.any_number(1, 7 * 86400),
    "request_id": shape.text_of(128),
    "wait_s": shape.any_number(0, 20).optional(0.0),
}
LEASE = shape.pair_of(TASK, shape.whole_number(0, 1 << 40))
NEXT: Shapes = dict(
    CLAIM,
    finals=shape.list_of(shape.record_of(FINAL), 1000),
    begun=shape.list_of(LEASE, 1000).optional([]),
)
EVENT_HEAD = shape.any_object()
PAGE: Shapes = {
    "limit": shape.whole_number(1, 1000).optional(100),
    "after": shape.text_of(300).optional(),
}
SINCE: Shapes = {"hours": shape.any_number(0.01, 24 * 400).optional(24.0)}
PILOTS: Shapes = dict(
    PAGE,
    site=shape.text_of(200).optional(),
    state=shape.text_of(40).optional(),
    command=shape.text_of(100).optional(),
)
IDS: Shapes = {"tasks": shape.list_of(TASK, 10000)}

ROUTES: List[Route] = [
    Route(
        "POST",
        "/v1/tasks",
        ("admin",),
        "write",
        tasks_api.add_tasks,
        {"tasks": shape.list_of(shape.any_object(), 20000)},
        "Add tasks; one whose id is there already is left as it is.",
        8 * MEGABYTE,
    ),
    Route(
        "GET",
        "/v1/tasks",
        LOOKERS,
        "read",
        tasks_api.list_tasks,
        dict(PAGE, state=shape.one_of(*STATES).optional()),
        "Tasks with their attempts, oldest first; `after` is the last id seen.",
    ),
    Route(
        "GET",
        "/v1/tasks/{task}",
        READERS,
        "write",
        tasks_api.show_task,
        {},
        "One task with its attempts.",
    ),
    Route(
        "POST",
        "/v1/claim",
        WORKERS,
        "wait",
        tasks_api.claim_tasks,
        CLAIM,
        "Claim tasks that fit the offer; waits at most wait_s for one.",
    ),
    Route(
        "POST",
        "/v1/next",
        WORKERS,
        "wait",
        tasks_api.next_tasks,
        NEXT,
        "Report ends of attempts, confirm what was begun and claim, in one transaction.",
        8 * MEGABYTE,
    ),
    Route(
        "POST",
        "/v1/nudge",
        WORKERS,
        "now",
        tasks_api.nudge_pilot,
        {"pilot": NAME},
        "Let this pilot's waiting claim come back at once.",
    ),
    Route(
        "POST",
        "/v1/finish",
        WORKERS,
        "write",
        tasks_api.finish_attempts,
        dict(FINAL, pilot=NAME),
        "Record an attempt's end; repeating it is fine; 409 when the lease is another's.",
        4 * MEGABYTE,
    ),
    Route(
        "POST",
        "/v1/renew",
        WORKERS,
        "write",
        tasks_api.renew_leases,
        {
            "pilot": NAME,
            "leases": shape.list_of(LEASE, 10000),
            "lease_s": shape.any_number(1, 7 * 86400),
        },
        "Prolong leases; answers those that are stale.",
        4 * MEGABYTE,
    ),
    Route(
        "POST",
        "/v1/backlog",
        WORKERS,
        "write",
        tasks_api.get_backlog,
        {"offer": shape.record_of(OFFER)},
        "Why there is no work for this offer: tasks todo, those that wait for another attempt, and for how long.",
    ),
    Route(
        "GET",
        "/v1/status",
        READERS,
        "write",
        tasks_api.get_status,
        {},
        "How many tasks are in each state.",
    ),
    Route(
        "GET",
        "/v1/pending",
        READERS,
        "write",
        tasks_api.list_pending,
        {},
        "Tasks not over, and seconds until one may be claimable.",
    ),
    Route(
        "POST",
        "/v1/retry",
        ("admin",),
        "write",
        tasks_api.retry_tasks,
        {"tasks": IDS["tasks"].optional()},
        "Send tasks in error or held back to todo; without `tasks` all in error.",
    ),
    Route(
        "POST",
        "/v1/cancel",
        ("admin",),
        "write",
        tasks_api.cancel_tasks,
        IDS,
        "Hold tasks that are not over; a running one is stopped by its agent.",
    ),
    Route(
        "POST",
        "/v1/purge",
        ("admin",),
        "write",
        tasks_api.purge_ended,
        {
            "state": shape.one_of(TaskState.DONE, TaskState.ERROR, TaskState.HELD),
            "older_than_s": shape.any_number(0, 1e10),
            "most": shape.whole_number(1, 5000),
        },
        "Forget tasks in a state of which nothing has changed for so long, the oldest first.",
    ),
    Route(
        "POST",
        "/v1/restore",
        ("admin",),
        "write",
        tasks_api.restore_tasks,
        {"tasks": shape.list_of(shape.any_object(), 20000)},
        "Take in exported tasks with state and attempts.",
        8 * MEGABYTE,
    ),
    Route(
        "POST",
        "/v1/tokens",
        ("admin", "factory"),
        "now",
        story_api.mint_token,
        {"pilot": NAME, "seconds": shape.any_number(60, 14 * 86400).optional(6 * 3600.0)},
        "Mint a pilot's token.",
    ),
    Route(
        "POST",
        "/v1/tokens/withdraw",
        ("admin", "factory"),
        "now",
        story_api.withdraw_token,
        {"pilot": NAME},
        "Take back every token of a pilot.",
    ),
    Route(
        "POST",
        "/v1/tokens/renew",
        ("pilot",),
        "now",
        story_api.renew_token,
        {},
        "A fresh token for the pilot that asks.",
    ),
    Route(
        "POST",
        "/v1/events",
        WORKERS,
        "tell",
        story_api.post_events,
        {"events": shape.list_of(EVENT_HEAD, 5000)},
        "Take events of pilots; those known by (pilot, seq) count once.",
        8 * MEGABYTE,
    ),
    Route(
        "GET",
        "/v1/overview",
        LOOKERS,
        "read",
        story_api.get_overview,
        SINCE,
        "Counts, curves, failures by reason.",
    ),
    Route(
        "GET",
        "/v1/pilots",
        LOOKERS,
        "read",
        story_api.list_pilots,
        PILOTS,
        "Pilots, the last heard first; `after` is what the answer calls next.",
    ),
    Route(
        "GET",
        "/v1/pilots/{pilot}",
        READERS,
        "read",
        story_api.get_pilot,
        {},
        "One pilot: its state, facts, steps and runs.",
    ),
    Route(
        "GET",
        "/v1/pilots/{pilot}/events",
        READERS,
        "read",
        story_api.pilot_events,
        {
            "after": shape.whole_number(0, 1 << 53).optional(0),
            "limit": shape.whole_number(1, 5000).optional(500),
            "kind": shape.text_of(40).optional(),
        },
        "A pilot's events in order.",
    ),
    Route(
        "GET",
        "/v1/sites",
        LOOKERS,
        "read",
        story_api.list_sites,
        SINCE,
        "Sites with their pilots and tasks.",
    ),
    Route(
        "GET",
        "/v1/factories",
        LOOKERS,
        "read",
        story_api.list_factories,
        {},
        "Factories that report here.",
    ),
    Route(
        "GET",
        "/v1/statistics",
        LOOKERS,
        "read",
        story_api.get_statistics,
        SINCE,
        "Each command and site: how often, how long, why not; waste.",
    ),
    Route(
        "GET",
        "/metrics",
        LOOKERS,
        "write",
        story_api.get_metrics,
        {},
        "The same for Prometheus, as text.",
    ),
    Route(
        "GET",
        "/healthz",
        ANYBODY,
        "write",
        story_api.get_health,
        {},
        "200 when the pool can be written.",
    ),
]


def _split_path(path: str) -> Tuple[str, ...]:
    return tuple(path[1:].split("/"))


_EXACT: Dict[Tuple[str, Tuple[str, ...]], Route] = {
    (route.method, _split_path(route.path)): route for route in ROUTES if "{" not in route.path
}
_PATTERNS = [(route, _split_path(route.path)) for route in ROUTES if "{" in route.path]


def find_route(method: str, path: Tuple[str, ...]) -> Optional[Tuple[Route, Dict[str, str]]]:
    """The route and what its address names; None when there is none. A HEAD is a GET."""
    method = "GET" if method == "HEAD" else method
    exact = _EXACT.get((method, path))
    if exact is not None:
        return exact, {}
    for route, pattern in _PATTERNS:
        if route.method == method and len(pattern) == len(path) and all(
                want.startswith("{") and got or want == got for want, got in zip(pattern, path)):
            return route, {
                want[1:-1]: got for want, got in zip(pattern, path) if want.startswith("{")
            }
    return None


def methods_of(path: Tuple[str, ...]) -> List[str]:
    """The methods this address has."""
    return [method for method in ("GET", "POST") if find_route(method, path)]


def describe_api() -> Dict[str, Any]:
    """The description of the API (OpenAPI 3.0)."""
    paths: Dict[str, Any] = {}
    for route in ROUTES:
        told: Dict[str, Any] = {
            "summary": route.says,
            "x-roles": list(route.roles),
            "responses": {
                "200": {"description": "as the summary says"},
                "default": {"description": "refused: {\"error\": sentence}"},
            },
        }
        words = [part[1:-1] for part in _split_path(route.path) if part.startswith("{")]
        told["parameters"] = [
            {"name": word, "in": "path", "required": True, "schema": {"type": "string"}}
            for word in words
        ]
        if route.method == "GET":
            told["parameters"] += [
                {"name": name, "in": "query", "schema": one.schema}
                for name, one in sorted(route.fields.items())
            ]
        else:
            told["requestBody"] = {
                "required": True,
                "content": {"application/json": {"schema": shape.json_schema(route.fields)}},
            }
        if route.roles:
            told["security"] = [{"token": []}]
        paths.setdefault(route.path, {})[route.method.lower()] = told
    return {
        "openapi": "3.0.3",
        "info": {"title": "pilot pool server", "version": "1"},
        "paths": paths,
        "components": {"securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}},
    }

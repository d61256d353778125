"""The routes for tasks."""

from typing import List

from pilot.events.endings import TaskState
from pilot.ops.server import shape, tasks_api
from pilot.ops.server.route import MEGABYTE, LOOKERS, PAGE, PILOT_ID, READERS, WORKERS, Route
from pilot.ops.server.shape import Shapes
from pilot.pool.interface import OUTCOMES, STATES

TASK = shape.text_of(200)
LEASE_FIELDS: Shapes = {"task": TASK, "generation": shape.integer_from(0, 1 << 40)}
FINAL: Shapes = dict(
    LEASE_FIELDS,
    outcome=shape.one_of(*OUTCOMES),
    reason=shape.text_of(4000, 0),
    result=shape.any_object(),
)
OFFER: Shapes = {
    "cores": shape.integer_from(0, 1 << 30),
    "memory_mb": shape.integer_from(0, 1 << 50).optional(),
    "gpus": shape.integer_from(0, 1 << 20).optional(0),
    "time_left_s": shape.any_number(-1e12, 1e12).optional(),
    "tags": shape.list_of(shape.text_of(200), 200).optional([]),
    "containers": shape.true_or_false().optional(False),
    "unbounded": shape.true_or_false().optional(True),
}
CLAIM: Shapes = {
    "pilot": PILOT_ID,
    "offer": shape.record_of(OFFER),
    "count": shape.integer_from(0, 1000),
    "lease_s": shape.any_number(1, 7 * 86400),
    "request_id": shape.text_of(128),
    "wait_s": shape.any_number(0, 20).optional(0.0),
}
LEASE = shape.pair_of(TASK, shape.integer_from(0, 1 << 40))
NEXT: Shapes = dict(
    CLAIM,
    finals=shape.list_of(shape.record_of(FINAL), 1000),
    begun=shape.list_of(LEASE, 1000).optional([]),
)
IDS: Shapes = {"tasks": shape.list_of(TASK, 10000)}

TASK_ROUTES: List[Route] = [
    Route(
        "POST",
        "/v1/tasks",
        ("admin",),
        "write",
        tasks_api.add_tasks,
        {"tasks": shape.list_of(shape.any_object(), 20000)},
        "Add tasks; a task whose id exists already is not changed.",
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
        {"pilot": PILOT_ID},
        "Answer this pilot's waiting claim at once.",
    ),
    Route(
        "POST",
        "/v1/finish",
        WORKERS,
        "write",
        tasks_api.finish_attempts,
        dict(FINAL, pilot=PILOT_ID),
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
            "pilot": PILOT_ID,
            "leases": shape.list_of(LEASE, 10000),
            "lease_s": shape.any_number(1, 7 * 86400),
        },
        "Renew leases; returns those that are stale.",
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
        "/v1/demand",
        LOOKERS,
        "write",
        tasks_api.get_demand,
        {},
        "What the tasks need that are not over, and the cores that each pilot's tasks use.",
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
            "most": shape.integer_from(1, 5000),
        },
        "Delete tasks in a state that have not changed for so long, the oldest first.",
    ),
    Route(
        "POST",
        "/v1/restore",
        ("admin",),
        "write",
        tasks_api.restore_tasks,
        {"tasks": shape.list_of(shape.any_object(), 20000)},
        "Import exported tasks with state and attempts.",
        8 * MEGABYTE,
    ),
]

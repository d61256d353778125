"""Verbs for tasks: add, status, show, retry, cancel, export, import."""

import argparse
import json
import sys
from typing import Any, Dict, Sequence

from pilot.base import log
from pilot.errors import UsageError
from pilot.events.endings import TaskState
from pilot.ops.pool import intake
from pilot.ops.pool.verbs import VerbTable
from pilot.pool import interface, open_pool


def add_task_verbs(verbs: VerbTable) -> None:
    """Add these verbs to the command line."""
    add = verbs.add_pool_verb(
        "add",
        add_tasks,
        "add the tasks of JSON Lines files; tasks whose id exists already are not changed",
    )
    add.add_argument(
        "files", nargs="+", metavar="FILE", help="a JSON Lines file, or - for standard input"
    )
    add.add_argument(
        "--backoff-s",
        type=float,
        help="half the first wait for another attempt, which doubles (new pools; default: 10)",
    )
    verbs.add_pool_verb(
        "status", show_status, "how many tasks are in each state").add_argument(
        "--json", action="store_true"
    )
    show = verbs.add_pool_verb("show", show_tasks, "tasks with their attempts")
    show.add_argument("tasks", nargs="+", metavar="ID")
    show.add_argument("--json", action="store_true")
    retry = verbs.add_pool_verb(
        "retry", retry_tasks, "send tasks in error or held back to todo, their history kept"
    )
    retry.add_argument("tasks", nargs="*", metavar="ID")
    retry.add_argument("--all", action="store_true", help="all tasks in error")
    cancel = verbs.add_pool_verb(
        "cancel", cancel_tasks, "hold tasks back; a running one is stopped by its agent"
    )
    cancel.add_argument("tasks", nargs="+", metavar="ID")
    _add_moving_verbs(verbs)


def _add_moving_verbs(verbs: VerbTable) -> None:
    export = verbs.add_pool_verb(
        "export", export_tasks, "every task as a JSON line, with state and attempts"
    )
    export.add_argument("--state", choices=interface.STATES)
    take = verbs.add_pool_verb(
        "import", import_tasks, "import what export wrote, with state and attempts"
    )
    take.add_argument(
        "files", nargs="+", metavar="FILE", help="a file that export wrote, or - for standard input"
    )


def add_tasks(given: argparse.Namespace) -> int:
    """Check all files, then add the tasks."""
    with intake.open_inputs(given.files, sys.stdin) as inputs:
        texts = inputs.check_tasks()
        with open_pool(given.pool, create=True, backoff_s=given.backoff_s) as pool:
            added, known = pool.add_texts(texts)
    print("%d added%s" % (added, ", %d existed already" % known if known else ""))
    return 0


def show_status(given: argparse.Namespace) -> int:
    """Print the number of tasks in each state."""
    with open_pool(given.pool) as pool:
        counts = pool.status()
    print(
        json.dumps(counts)
        if given.json
        else "  ".join("%s %d" % (state, counts[state]) for state in interface.STATES)
    )
    return 0


def show_tasks(given: argparse.Namespace) -> int:
    """Print each task as JSON or as a few lines."""
    with open_pool(given.pool) as pool:
        tasks = [pool.show(name) for name in given.tasks]
    missing = [
        "there is no task %r" % name for name, task in zip(given.tasks, tasks) if task is None
    ]
    for task in tasks:
        if task is not None:
            print(json.dumps(task, indent=1) if given.json else log.printable(describe_task(task)))
    if missing:
        raise UsageError(*missing)
    return 0


def describe_task(task: Dict[str, Any]) -> str:
    """Describe a task and its attempts in readable lines."""
    lines = [
        "%s: %s%s" % (task["id"], task["state"], ", " + task["reason"] if task["reason"] else "")
    ]
    script = task.get("script", "").strip()
    what = task.get("command") or [script.split("\n")[0] + (" ..." if "\n" in script else "")]
    lines.append("  runs      %s" % " ".join(what))
    for attempt in task["attempts"]:
        result = attempt["result"] or {}
        why = ", " + attempt["reason"] if attempt["reason"] else ""
        lines.append("  attempt   %d by pilot %s: %s%s" % (
            attempt["generation"], attempt["pilot"], attempt["outcome"] or "running", why))
        for stream in ("stdout", "stderr"):
            for line in (result.get(stream) or "").splitlines()[-5:]:
                lines.append("    %s  %s" % (stream, line))
    return "\n".join(lines)


def retry_tasks(given: argparse.Namespace) -> int:
    """Retry the named tasks, or every task in error with --all."""
    if bool(given.tasks) == given.all:
        raise UsageError("retry: name the tasks, or give --all for every task in error")
    with open_pool(given.pool) as pool:
        print("%d sent back" % pool.retry(given.tasks or None))
        return _check_names(
            pool, given.tasks, (TaskState.TODO, TaskState.LOCKED), "only tasks in error or held are sent back"
        )


def cancel_tasks(given: argparse.Namespace) -> int:
    """Hold the named tasks."""
    with open_pool(given.pool) as pool:
        print("%d held" % pool.cancel(given.tasks))
        return _check_names(
            pool, given.tasks, (TaskState.HELD,), "only tasks that are todo or locked are held"
        )


def _check_names(
    pool: interface.Pool, names: Sequence[str], wanted: Sequence[str], rule: str
) -> int:
    """Report why tasks are not in the wanted state. UsageError for names without a task."""
    missing = []
    for name in names:
        task = pool.show(name)
        if task is None:
            missing.append("there is no task %r" % name)
        elif task["state"] not in wanted:
            print(log.printable("%s is %s: %s" % (name, task["state"], rule)))
    if missing:
        raise UsageError(*missing)
    return 0


def export_tasks(given: argparse.Namespace) -> int:
    """Print the tasks as JSON Lines."""
    with open_pool(given.pool) as pool:
        for task in pool.export(given.state):
            print(json.dumps(task))
    return 0


def import_tasks(given: argparse.Namespace) -> int:
    """Check all lines, then import the tasks."""
    with intake.open_inputs(given.files, sys.stdin) as inputs:
        tasks = inputs.check_exported()
        with open_pool(given.pool, create=True) as pool:
            added, known = pool.restore(tasks())
    print("%d taken in%s" % (added, ", %d existed already" % known if known else ""))
    return 0

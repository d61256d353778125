"""`python3 -m pilot.pool add|status|show|retry|cancel|export|import|backup|restore|purge|serve POOL
...`: a pool in an operator's hands."""

import argparse
import json
import sys
from typing import Any, Dict, List, Optional, Sequence

from pilot import values
from pilot.base import log
from pilot.errors import PoolUnreachable, UsageError
from pilot.ops.pool import intake, keeping
from pilot.ops.tool import ToolParser, run_tool
from pilot.pool import interface, open_pool
from pilot.events.endings import TaskState


def make_parser() -> argparse.ArgumentParser:
    """The command line; each sub-command knows its function."""
    top = ToolParser(
        prog="pilot.pool", description="Tasks for pilots: add them, look at them, send them back."
    )
    verbs = top.add_subparsers(dest="verb", metavar="VERB")
    add = _add_verb(
        verbs,
        "add",
        add_tasks,
        "add the tasks of JSON Lines files; ids that are there already stay as they are",
    )
    add.add_argument(
        "files", nargs="+", metavar="FILE", help="a JSON Lines file, or - for standard input"
    )
    add.add_argument(
        "--backoff-s",
        type=float,
        help="half the first wait for another attempt, which doubles (new pools; default: 10)",
    )
    _add_verb(verbs, "status", show_status, "how many tasks are in each state").add_argument(
        "--json", action="store_true"
    )
    show = _add_verb(verbs, "show", show_tasks, "tasks with their attempts")
    show.add_argument("tasks", nargs="+", metavar="ID")
    show.add_argument("--json", action="store_true")
    retry = _add_verb(
        verbs, "retry", retry_tasks, "send tasks in error or held back to todo, their history kept"
    )
    retry.add_argument("tasks", nargs="*", metavar="ID")
    retry.add_argument("--all", action="store_true", help="all tasks in error")
    cancel = _add_verb(
        verbs, "cancel", cancel_tasks, "hold tasks back; a running one is stopped by its agent"
    )
    cancel.add_argument("tasks", nargs="+", metavar="ID")
    _add_moving_verbs(verbs)
    keeping.add_verbs(verbs, _add_verb)
    _serve_verbs(verbs)
    return top


def _add_moving_verbs(verbs: Any) -> None:
    export = _add_verb(
        verbs, "export", export_tasks, "every task as a JSON line, with state and attempts"
    )
    export.add_argument("--state", choices=interface.STATES)
    take = _add_verb(
        verbs, "import", import_tasks, "take in what export gave, with state and attempts"
    )
    take.add_argument(
        "files", nargs="+", metavar="FILE", help="a file that export wrote, or - for standard input"
    )


def _serve_verbs(verbs: Any) -> None:
    serve = _add_verb(verbs, "serve", serve_pool, "serve a sqlite:FILE to many machines over HTTP")
    serve.add_argument(
        "--listen", default="127.0.0.1:8420", metavar="HOST:PORT", help="default: 127.0.0.1:8420"
    )
    serve.add_argument(
        "--tls-cert", metavar="FILE", help="the server's certificate, with its chain (PEM)"
    )
    serve.add_argument("--tls-key", metavar="FILE", help="its key, unless that is in the same file")
    serve.add_argument(
        "--tls-client-ca",
        metavar="FILE",
        help="let in only clients with a certificate of these CAs",
    )
    serve.add_argument(
        "--tokens", metavar="FILE", help="who may do what; `pilot.pool token` makes it"
    )
    serve.add_argument("--create", action="store_true", help="make the file when it is missing")
    serve.add_argument("--keep-done-days", type=values.number, metavar="N",
                       help="forget tasks that were done so many days ago (default: never)")
    serve.add_argument("--keep-days", type=values.number, default=30.0, metavar="N",
                       help="forget pilots' stories after so many days (default: 30)")
    serve.add_argument("--keep-mb", type=values.number, default=4000.0, metavar="N",
                       help="and the oldest events when they take more (default: 4000)")
    _add_feed_verbs(verbs)
    _add_token_verbs(verbs)


def _add_feed_verbs(verbs: Any) -> None:
    feed = verbs.add_parser("feed", help="move pilots' events from a message queue into a server")
    feed.add_argument(
        "queue", metavar="QUEUE", help="stomp[+ssl]://[USER:PASSWORD@]HOST[:PORT]/QUEUE"
    )
    feed.add_argument("server", metavar="SERVER", help="http(s)://HOST:PORT")
    feed.set_defaults(function=feed_server)
    verbs.add_parser("openapi", help="the server's API, described (OpenAPI 3.0)").set_defaults(
        function=tell_openapi
    )


def _add_token_verbs(verbs: Any) -> None:
    mint = verbs.add_parser(
        "mint", help="a token for one pilot, from a server; needs a token of a factory or an admin"
    )
    mint.add_argument("server", metavar="SERVER", help="http(s)://HOST:PORT")
    mint.add_argument("pilot", metavar="ID", help="the pilot's id, which it is to be started with")
    mint.add_argument(
        "--seconds",
        type=float,
        default=6 * 3600.0,
        help="how long it is good, unless the pilot renews it (default: 21600)",
    )
    mint.set_defaults(function=mint_token)
    token = verbs.add_parser(
        "token",
        help="make a token for an operator, into the file that serve --tokens reads",
        description="Make a token: it is printed once, the file keeps its hash.",
    )
    token.add_argument("file", metavar="FILE")
    token.add_argument("role", choices=("admin", "factory", "reader"))
    token.add_argument("name", metavar="NAME")
    token.set_defaults(function=make_token)


def _add_verb(verbs: Any, name: str, function: Any, text: str) -> argparse.ArgumentParser:
    one: argparse.ArgumentParser = verbs.add_parser(name, help=text, description=text)
    one.add_argument("pool", metavar="POOL", help="sqlite:FILE or a server's http(s)://HOST:PORT")
    one.set_defaults(function=function)
    return one


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Returns the exit code; errors are sentences on stderr."""
    return run_tool("pilot.pool", argv, _run_verb)


def _run_verb(words: List[str]) -> int:
    top = make_parser()
    given = top.parse_args(words)
    if not given.verb:
        raise UsageError(
            "which of add, status, show, retry, cancel, export, import, backup, restore, purge, serve, feed, mint, withdraw, "
            "token, openapi? See --help"
        )
    try:
        return int(given.function(given))
    except interface.Busy as error:
        raise PoolUnreachable(str(error))
    except BrokenPipeError:
        return 0


def add_tasks(given: argparse.Namespace) -> int:
    """All files are checked before the first task is added."""
    with intake.open_inputs(given.files, sys.stdin) as found:
        specs = found.tasks()
        with open_pool(given.pool, create=True, backoff_s=given.backoff_s) as pool:
            added, known = pool.add(specs())
    print("%d added%s" % (added, ", %d were there already" % known if known else ""))
    return 0


def show_status(given: argparse.Namespace) -> int:
    """Counts by state."""
    with open_pool(given.pool) as pool:
        found = pool.status()
    print(
        json.dumps(found)
        if given.json
        else "  ".join("%s %d" % (state, found[state]) for state in interface.STATES)
    )
    return 0


def show_tasks(given: argparse.Namespace) -> int:
    """Each task as JSON, or in a few lines."""
    with open_pool(given.pool) as pool:
        found = [pool.show(name) for name in given.tasks]
    missing = [
        "there is no task %r" % name for name, task in zip(given.tasks, found) if task is None
    ]
    for task in found:
        if task is not None:
            print(json.dumps(task, indent=1) if given.json else log.printable(describe_task(task)))
    if missing:
        raise UsageError(*missing)
    return 0


def describe_task(task: Dict[str, Any]) -> str:
    """A task and its attempts in lines for a person."""
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
    """Those named, or with --all every one in error."""
    if bool(given.tasks) == given.all:
        raise UsageError("retry: name the tasks, or say --all for every one in error")
    with open_pool(given.pool) as pool:
        print("%d sent back" % pool.retry(given.tasks or None))
        return _check_names(
            pool, given.tasks, (TaskState.TODO, TaskState.LOCKED), "only tasks in error or held are sent back"
        )


def cancel_tasks(given: argparse.Namespace) -> int:
    """Hold the tasks named."""
    with open_pool(given.pool) as pool:
        print("%d held" % pool.cancel(given.tasks))
        return _check_names(
            pool, given.tasks, (TaskState.HELD,), "only tasks that are todo or locked are held"
        )


def _check_names(
    pool: interface.Pool, names: Sequence[str], wanted: Sequence[str], rule: str
) -> int:
    """Say of each task named why it is not as it was wanted; UsageError for those that are not
    there."""
    missing = []
    for name in names:
        found = pool.show(name)
        if found is None:
            missing.append("there is no task %r" % name)
        elif found["state"] not in wanted:
            print(log.printable("%s is %s: %s" % (name, found["state"], rule)))
    if missing:
        raise UsageError(*missing)
    return 0


def export_tasks(given: argparse.Namespace) -> int:
    """JSON Lines on standard output."""
    with open_pool(given.pool) as pool:
        for task in pool.export(given.state):
            print(json.dumps(task))
    return 0


def import_tasks(given: argparse.Namespace) -> int:
    """All lines are checked before the first is taken in."""
    with intake.open_inputs(given.files, sys.stdin) as found:
        tasks = found.exported()
        with open_pool(given.pool, create=True) as pool:
            added, known = pool.restore(tasks())
    print("%d taken in%s" % (added, ", %d were there already" % known if known else ""))
    return 0


def serve_pool(given: argparse.Namespace) -> int:
    """Until SIGTERM or SIGINT."""
    from pilot.ops.server import serve  # not for the other verbs: they need no event loop
    from pilot.ops.server.upkeep import Retention

    return serve.run_server(
        serve.plan_server(
            given.pool,
            given.listen,
            given.tls_cert,
            given.tls_key,
            given.tokens,
            given.tls_client_ca,
            Retention(given.keep_days, given.keep_mb, given.keep_done_days),
            given.create,
        )
    )


def feed_server(given: argparse.Namespace) -> int:
    """Until SIGTERM or SIGINT."""
    from pilot.ops.server import feed

    try:
        return feed.run_feed(given.queue, given.server)
    except ValueError as error:
        raise UsageError("feed: %s" % error)


def tell_openapi(given: argparse.Namespace) -> int:
    """JSON on standard output."""
    from pilot.ops.server import openapi

    print(json.dumps(openapi.describe_api(), indent=1, sort_keys=True))
    return 0


def mint_token(given: argparse.Namespace) -> int:
    """The token alone on standard output."""
    from pilot.pool.client import HTTPPool

    pool = HTTPPool(given.server)
    try:
        print(pool.mint(given.pilot, given.seconds))
    except interface.StaleLease as error:  # 409: a server without tokens
        raise UsageError(str(error))
    finally:
        pool.close()
    return 0


def make_token(given: argparse.Namespace) -> int:
    """The token alone on standard output."""
    from pilot.ops.server import tokens

    print(tokens.add_token(given.file, given.role, given.name))
    return 0


if __name__ == "__main__":
    sys.exit(main())

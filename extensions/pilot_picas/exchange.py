"""Tokens in the layout in which pools show, export and restore tasks. Pure."""

from pilot.base.shared_defaults import MAX_ATTEMPTS

from .document import Document, id_of, read_list, read_number
from .task_spec import new_token, spec_of
from .token import HELD, HISTORY, generation_of, history_of, lease_of, scrubs_of, state_of
from .transitions import error_entry


def describe_token(document: Document, now: float, command: str) -> Document:
    """A token as `Pool.show` returns a task."""
    lease = lease_of(document)
    state = state_of(document)
    spec = spec_of(document, command) or {
        "id": id_of(document),
        "meta": {"input": document.get("input")},
        "command": ["picas-token-without-command"],
    }
    errors = read_list(document.get("error"))
    last = errors[-1] if errors else None
    return dict(
        spec,
        state=state,
        priority=spec.get("priority", 0),
        generation=generation_of(document),
        attempts_used=scrubs_of(document) + (state in ("locked", "done", "error")),
        max_attempts=spec.get("max_attempts", MAX_ATTEMPTS),
        seconds_left=max(0.0, lease.until - now) if lease else None,
        pilot=lease.pilot if lease else None,
        reason=last.get("message") if isinstance(last, dict) and state != "done" else None,
        added=0.0,
        attempts=history_of(document),
    )


def restore_token(task: Document, now: float) -> Document:
    """The token of a task from another pool, with its state and attempts."""
    from pilot.pool import exported  # only an import of tasks needs it

    token = new_token(exported.spec_of(task))
    token[HISTORY] = [
        dict(one, outcome=one["outcome"] or "lost")
        for one in read_list(task.get("attempts"))
        if isinstance(one, dict)
    ]
    state = task.get("state", "todo")
    if state == "held":
        token["lock"] = HELD
    elif state in ("done", "error"):
        token.update({"lock": int(now), "done": int(now), "exit_code": 0 if state == "done" else 1})
    used = int(read_number(task.get("attempts_used")))
    token["scrub_count"] = max(0, used - (state in ("done", "error")))
    if task.get("reason") and state != "done":
        token["error"] = [error_entry(task["reason"], now)]
    return token

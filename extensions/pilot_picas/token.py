"""A PiCaS token as a document: its states, its transitions, what of it is run. Pure.

Fields as the picas client 1.1 has them: type, lock, done (UNIX seconds), hostname, scrub_count,
exit_code, output, error, a job id. Ours, unseen by it: `pilot_lease` (the fence), `pilot_attempts`
(the history), `pilot_task`, `pilot_not_before` (UNIX seconds, the database's).
"""

import base64
import json
import shlex
from typing import Any, Dict, List, Optional

from pilot.pool import task
from pilot.pool.interface import Final, Offer
from pilot.base.shared_defaults import MAX_ATTEMPTS, MAX_RELEASES

VIEW = "Monitor/todo"
LEASE, HISTORY, TASK, NOT_BEFORE = "pilot_lease", "pilot_attempts", "pilot_task", "pilot_not_before"
RELEASES = "pilot_releases"  # how often it was given back after its start
HELD = -1  # a lock that no view of PiCaS lists
BACKOFF_S, MAX_BACKOFF_S = 10.0, 600.0
JOB_IDS = (
    ("DIRACJOBID", "dirac_job_id"),
    ("GLITE_WMS_JOBID", "wms_job_id"),
    ("CREAM_JOBID", "cream_job_id"),
    ("PBS_JOBID", "pbs_job_id"),
    ("SLURM_JOB_ID", "slurm_job_id"),
)
Document = Dict[str, Any]


def parse_template(text: str) -> str:
    """A command with {fields}. Raises ValueError with a sentence."""
    words = shlex.split(text)
    if not words:
        raise ValueError("%r names no program" % text)
    for word in words:
        fill_template(word, {})
    return text


def fill_template(word: str, document: Document) -> str:
    """The word with {field} replaced by the token's fields; what is no text goes in as JSON.
    ValueError for a lone brace."""
    parts = word.split("{")
    out = parts[0]
    for part in parts[1:]:
        name, brace, rest = part.partition("}")
        if not brace:
            raise ValueError("%r: a { without its }" % word)
        value = document.get(name, "")
        out += (value if isinstance(value, str) else json.dumps(value)) + rest
    return out


def new_token(spec: Dict[str, Any]) -> Document:
    """A token for a task of ours, which the picas client reads as one of its own."""
    found: Document = {
        "_id": spec["id"],
        "type": "token",
        "lock": 0,
        "done": 0,
        "hostname": "",
        "scrub_count": 0,
        "input": spec.get("meta", {}),
        "exit_code": "",
        "output": {},
        "uploads": {},
        "error": [],
        TASK: {key: spec[key] for key in spec if key != "id"},
    }
    if "cores" in spec:
        found["cores"] = spec["cores"]
    return found


def spec_of(document: Document, command: str) -> Optional[Dict[str, Any]]:
    """What to run for it; None when neither the token nor `command` says, or what the token says is
    no task."""
    given = document.get("input", "")
    text = given if isinstance(given, str) else json.dumps(given)
    told = {"PICAS_TOKEN_ID": document["_id"], "PICAS_INPUT": text[:65536].replace("\0", "")}
    if isinstance(document.get(TASK), dict):
        env = document[TASK].get("env") or {}
        return task.check_task(
            dict(
                document[TASK],
                id=document["_id"],
                env={**told, **env} if isinstance(env, dict) else env,
            ),
            "/",
        )[0]
    if not command:
        return None
    spec: Dict[str, Any] = {
        "id": document["_id"],
        "command": [fill_template(word, document) for word in shlex.split(command)],
        "env": told,
    }
    if isinstance(document.get("cores"), int) and document["cores"] > 0:
        spec["cores"] = document["cores"]
    return spec


def fits_offer(spec: Dict[str, Any], offer: Offer) -> bool:
    """Whether who offers so much can run it."""
    left = offer.time_left_s
    return bool(
        spec.get("cores", 1) <= offer.cores
        and spec.get("gpus", 0) <= offer.gpus
        and (offer.memory_mb is None or spec.get("memory_mb", 0) <= offer.memory_mb)
        and (left is None or spec.get("walltime_s", 0) <= left)
        and (offer.unbounded or "walltime_s" in spec)
        and set(spec.get("tags", ())) <= set(offer.tags)
        and ("container" not in spec or offer.containers)
    )


def _time_stamp(value: Any) -> float:
    return value if isinstance(value, (int, float)) else 0


def state_of(document: Document) -> str:
    """todo, locked, done, error as PiCaS' views say; held for our own lock."""
    lock, done = _time_stamp(document.get("lock")), _time_stamp(document.get("done"))
    if lock < 0:
        return "held"
    if done <= 0:
        return "locked" if lock > 0 else "todo"
    return "done" if str(document.get("exit_code")).strip() in ("0", "0.0") else "error"


def lease_of(document: Document) -> Dict[str, Any]:
    """Our lease, {} when there is none, or none that makes sense: people edit documents."""
    lease = document.get(LEASE)
    good = (
        isinstance(lease, dict)
        and isinstance(lease.get("generation"), int)
        and isinstance(lease.get("until"), (int, float))
        and isinstance(lease.get("pilot"), str)
    )
    return lease if good else {}  # type: ignore[return-value]


def history_of(document: Document) -> List[Dict[str, Any]]:
    """The attempts of ours."""
    found = document.get(HISTORY)
    return (
        [one for one in found if isinstance(one, dict) and isinstance(one.get("generation"), int)]
        if isinstance(found, list)
        else []
    )


def scrubs_of(document: Document) -> int:
    """Failed attempts so far."""
    return int(_time_stamp(document.get("scrub_count")))


def priority_of(document: Document) -> int:
    """Higher goes first."""
    mine = document.get(TASK)
    found = mine.get("priority", 0) if isinstance(mine, dict) else 0
    return int(found) if isinstance(found, int) else 0


def holds_lease(document: Document, generation: int, pilot: str) -> bool:
    """Whether this lease holds."""
    lease = lease_of(document)
    return (
        state_of(document) == "locked"
        and lease.get("generation") == generation
        and lease.get("pilot") == pilot
    )


def is_claimable(document: Document, now: float) -> bool:
    """Whether it waits for nobody and nothing."""
    return (
        document.get("type") == "token"
        and state_of(document) == "todo"
        and _time_stamp(document.get(NOT_BEFORE)) <= now
    )


def wait_of(document: Document, now: float) -> float:
    """Seconds until it may be claimed."""
    return _time_stamp(document.get(NOT_BEFORE)) - now


def lease_expired(document: Document, now: float) -> bool:
    """Whether a lease of ours ran out; tokens that the picas client locked have none."""
    lease = lease_of(document)
    return state_of(document) == "locked" and bool(lease and lease["until"] <= now)


def generation_of(document: Document) -> int:
    """How many attempts there were."""
    return max([int(one["generation"]) for one in history_of(document)] + [0])


def lock_token(
    document: Document,
    pilot: str,
    lease_s: float,
    now: float,
    host: str,
    environ: Dict[str, str],
    request: str,
) -> Document:
    """Claimed."""
    generation = generation_of(document) + 1
    found = dict(document, lock=int(now), done=0, hostname=host)
    found.pop(NOT_BEFORE, None)
    found[LEASE] = {
        "generation": generation,
        "pilot": pilot,
        "until": now + lease_s,
        "request": request,
    }
    found[HISTORY] = history_of(document) + [
        {
            "generation": generation,
            "pilot": pilot,
            "started": now,
            "ended": None,
            "outcome": None,
            "reason": None,
            "result": None,
        }
    ]
    found.update(job_id(environ))
    return found


def job_id(environ: Dict[str, str]) -> Dict[str, str]:
    """The batch job's id as PiCaS keeps it: the first that is known."""
    for variable, field in JOB_IDS:
        value = environ.get(variable, "")
        if not value or (field == "wms_job_id" and not value.startswith("http")):
            continue
        array = environ.get("SLURM_ARRAY_JOB_ID"), environ.get("SLURM_ARRAY_TASK_ID")
        return {field: "%s_%s" % array if field == "slurm_job_id" and all(array) else value}
    return {}


def renew_lease(document: Document, lease_s: float, now: float) -> Document:
    """The lease prolonged."""
    return dict(document, **{LEASE: dict(document[LEASE], until=now + lease_s)})


def end_attempt(document: Document, final: Final, now: float) -> Document:
    """The end of an attempt: done; failed and to be tried again; failed for good; given back."""
    found = _close_attempt(document, final, now)
    if final.outcome in ("released", "returned", "lost"):
        given_back, most = found.get(RELEASES, 0) + (final.outcome != "returned"), _read_bound(
            found, "max_releases", MAX_RELEASES
        )
        if final.outcome == "returned" or given_back <= most:
            return dict(_unlock_token(found), **{RELEASES: given_back})
        reasons = dict.fromkeys(
            one.get("reason") or "" for one in history_of(found) if one.get("outcome") == "released"
        )
        reason = "given back %d times, max_releases is %d: %s" % (
            given_back,
            most,
            "; ".join(reasons)[:3000],
        )
        return _fail_attempt(found, reason, 1, now, True)
    found["output"] = _add_output(found.get("output"), final.result)
    attached = found.get("_attachments")
    found["_attachments"] = dict(
        attached if isinstance(attached, dict) else {},
        **_log_attachments(found["_id"], final.result),
    )
    if final.outcome == "done":
        found.update({"exit_code": 0, "done": int(now)})
        return found
    return _fail_attempt(found, final.reason, final.result.get("exit_code") or 1, now)


def lose_lease(document: Document, now: float) -> Document:
    """Its pilot was not heard of within the lease."""
    lease = document[LEASE]
    final = Final(document["_id"], lease["generation"], "lost", "the lease ran out", {})
    return _fail_attempt(
        _close_attempt(document, final, now),
        "pilot %s was not heard of within the lease" % lease["pilot"],
        1,
        now,
    )


def _close_attempt(document: Document, final: Final, now: float) -> Document:
    found = dict(document)
    found.pop(LEASE, None)
    found[HISTORY] = [
        (
            dict(
                one,
                ended=now,
                outcome=final.outcome,
                reason=final.reason,
                result=final.result or None,
            )
            if one.get("generation") == final.generation
            else one
        )
        for one in history_of(document)
    ]
    return found


def _read_bound(document: Document, name: str, usual: int) -> int:
    mine = document.get(TASK)
    found = mine.get(name, usual) if isinstance(mine, dict) else usual
    return found if isinstance(found, int) else usual


def _fail_attempt(
    found: Document, reason: str, code: Any, now: float, for_good: bool = False
) -> Document:
    scrubs = scrubs_of(found) + 1
    complaints = found.get("error") if isinstance(found.get("error"), list) else []
    found["error"] = list(complaints or ()) + [
        {"time": int(now), "message": reason, "exception": ""}
    ]
    found["exit_code"] = code
    if for_good or scrubs >= _read_bound(found, "max_attempts", MAX_ATTEMPTS):
        found.update({"done": int(now), "lock": found.get("lock") or int(now)})
        return found
    found = _unlock_token(found)
    found.update(
        {
            "scrub_count": scrubs,
            NOT_BEFORE: now + min(BACKOFF_S * 2 ** min(scrubs, 20), MAX_BACKOFF_S),
        }
    )
    return found


def _unlock_token(document: Document) -> Document:
    found = dict(document, lock=0, done=0)
    for _, field in JOB_IDS:
        found.pop(field, None)
    return found


def _add_output(before: Any, result: Dict[str, Any]) -> Any:
    told = {key: result[key] for key in ("seconds", "cpu_s", "max_rss_mb", "host") if key in result}
    return dict(before, **told) if isinstance(before, dict) else before or told


def _log_attachments(name: str, result: Dict[str, Any]) -> Dict[str, Any]:
    """Attachments as PiCaS' examples make them."""
    found = {}
    for stream, ending in (("stdout", "out"), ("stderr", "err")):
        text = result.get(stream)
        if isinstance(text, str):
            data = base64.b64encode(text.encode("utf-8", "replace")).decode("ascii")
            found["logs_%s.%s" % (name, ending)] = {"content_type": "text/plain", "data": data}
    return found


def sent_back(document: Document) -> Document:
    """By an operator: todo with fresh attempts, the history kept."""
    found = _unlock_token(document)
    found.update({"scrub_count": 0, "exit_code": "", RELEASES: 0})
    found.pop(NOT_BEFORE, None)
    return found


def hold_token(document: Document, now: float) -> Document:
    """By an operator: out of circulation."""
    lease = lease_of(document)
    if lease:
        document = _close_attempt(
            document,
            Final(
                document["_id"], lease["generation"], "cancelled", "cancelled by an operator", {}
            ),
            now,
        )
    found = _unlock_token(document)
    found["lock"] = HELD
    return found


def describe_token(document: Document, now: float, command: str) -> Dict[str, Any]:
    """As pools show their tasks."""
    lease = lease_of(document)
    spec = spec_of(document, command) or {
        "id": document["_id"],
        "meta": {"input": document.get("input")},
        "command": ["picas-token-without-command"],
    }
    complaints: List[Any] = document.get("error") if isinstance(document.get("error"), list) else []  # type: ignore[assignment]
    reason = (
        complaints[-1].get("message")
        if complaints and isinstance(complaints[-1], dict) and state_of(document) != "done"
        else None
    )
    return dict(
        spec,
        state=state_of(document),
        priority=spec.get("priority", 0),
        generation=generation_of(document),
        attempts_used=scrubs_of(document) + (state_of(document) in ("locked", "done", "error")),
        max_attempts=spec.get("max_attempts", MAX_ATTEMPTS),
        seconds_left=max(0.0, lease["until"] - now) if lease else None,
        pilot=lease.get("pilot"),
        reason=reason,
        added=0.0,
        attempts=history_of(document),
    )


def restore_token(task: Dict[str, Any], now: float) -> Document:
    """A task from another pool, with its state and attempts."""
    from pilot.pool import exported as moving

    found = new_token(moving.spec_of(task))
    found[HISTORY] = [
        dict(one, outcome=one["outcome"] or "lost") for one in task.get("attempts", ())
    ]
    state = task.get("state", "todo")
    if state == "held":
        found["lock"] = HELD
    elif state in ("done", "error"):
        found.update({"lock": int(now), "done": int(now), "exit_code": 0 if state == "done" else 1})
    found["scrub_count"] = max(0, int(task.get("attempts_used", 0)) - (state in ("done", "error")))
    if task.get("reason") and state != "done":
        found["error"] = [{"time": int(now), "message": task["reason"], "exception": ""}]
    return found

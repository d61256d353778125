"""What each event makes of a token's document: a claim, a renewal, the end of an attempt, an
operator's order. Pure: every function returns a new document."""

import base64
from typing import Dict

from pilot.base.shared_defaults import MAX_ATTEMPTS, MAX_RELEASES
from pilot.pool.interface import Final

from .document import Document, id_of, read_list, read_number, read_object
from .token import (
    HELD,
    HISTORY,
    LEASE,
    NOT_BEFORE,
    RELEASES,
    generation_of,
    history_of,
    lease_of,
    read_bound,
    scrubs_of,
)

BACKOFF_S, MAX_BACKOFF_S = 10.0, 600.0
MOST_REASON = 3000  # characters of the reasons of all releases
JOB_IDS = (
    ("DIRACJOBID", "dirac_job_id"),
    ("GLITE_WMS_JOBID", "wms_job_id"),
    ("CREAM_JOBID", "cream_job_id"),
    ("PBS_JOBID", "pbs_job_id"),
    ("SLURM_JOB_ID", "slurm_job_id"),
)


def lock_token(
    document: Document,
    pilot: str,
    lease_s: float,
    now: float,
    host: str,
    environ: Dict[str, str],
    request: str,
) -> Document:
    """The token claimed by a pilot for `lease_s` seconds."""
    generation = generation_of(document) + 1
    locked = dict(document, lock=int(now), done=0, hostname=host)
    locked.pop(NOT_BEFORE, None)
    locked[LEASE] = {
        "generation": generation,
        "pilot": pilot,
        "until": now + lease_s,
        "request": request,
    }
    attempt: Document = {
        "generation": generation,
        "pilot": pilot,
        "started": now,
        "ended": None,
        "outcome": None,
        "reason": None,
        "result": None,
    }
    locked[HISTORY] = history_of(document) + [attempt]
    locked.update(job_id(environ))
    return locked


def job_id(environ: Dict[str, str]) -> Dict[str, str]:
    """The batch job's id in the field that the picas client uses: the first id that is known."""
    for variable, field in JOB_IDS:
        value = environ.get(variable, "")
        if not value or (field == "wms_job_id" and not value.startswith("http")):
            continue
        array = environ.get("SLURM_ARRAY_JOB_ID"), environ.get("SLURM_ARRAY_TASK_ID")
        return {field: "%s_%s" % array if field == "slurm_job_id" and all(array) else value}
    return {}


def renew_lease(document: Document, lease_s: float, now: float) -> Document:
    """The token with a lease of `lease_s` seconds from now."""
    return dict(document, **{LEASE: dict(read_object(document[LEASE]), until=now + lease_s)})


def end_attempt(document: Document, final: Final, now: float) -> Document:
    """The token after an attempt: done, to be tried again, failed for good, or released."""
    if final.outcome in ("released", "returned", "lost"):
        return _release_token(_close_attempt(document, final, now), final, now)
    ended = _close_attempt(document, final, now)
    ended["output"] = _add_output(ended.get("output"), final.result)
    ended["_attachments"] = dict(
        read_object(ended.get("_attachments")), **_log_attachments(id_of(ended), final.result)
    )
    if final.outcome == "done":
        ended.update({"exit_code": 0, "done": int(now)})
        return ended
    return _fail_attempt(ended, final.reason, final.result.get("exit_code") or 1, now)


def _release_token(document: Document, final: Final, now: float) -> Document:
    """A returned token costs nothing; a token that pilots released too often is an error."""
    counted = final.outcome != "returned"
    releases = int(read_number(document.get(RELEASES))) + counted
    most = read_bound(document, "max_releases", MAX_RELEASES)
    if not counted or releases <= most:
        return dict(_unlock_token(document), **{RELEASES: releases})
    reasons = dict.fromkeys(
        str(one.get("reason") or "")
        for one in history_of(document)
        if one.get("outcome") == "released"
    )
    reason = "given back %d times, max_releases is %d: %s" % (
        releases,
        most,
        "; ".join(reasons)[:MOST_REASON],
    )
    return _fail_attempt(document, reason, 1, now, True)


def lose_lease(document: Document, now: float) -> Document:
    """The token of a pilot that did not renew its lease in time."""
    lease = lease_of(document)
    if lease is None:
        return document
    final = Final(id_of(document), lease.generation, "lost", "the lease ran out", {})
    return _fail_attempt(
        _close_attempt(document, final, now),
        "pilot %s did not renew the lease" % lease.pilot,
        1,
        now,
    )


def _close_attempt(document: Document, final: Final, now: float) -> Document:
    closed = dict(document)
    closed.pop(LEASE, None)
    closed[HISTORY] = [
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
    return closed


def _fail_attempt(
    document: Document, reason: str, code: object, now: float, for_good: bool = False
) -> Document:
    scrubs = scrubs_of(document) + 1
    failed = dict(document, exit_code=code)
    failed["error"] = read_list(document.get("error")) + [error_entry(reason, now)]
    if for_good or scrubs >= read_bound(failed, "max_attempts", MAX_ATTEMPTS):
        failed.update({"done": int(now), "lock": failed.get("lock") or int(now)})
        return failed
    failed = _unlock_token(failed)
    failed["scrub_count"] = scrubs
    failed[NOT_BEFORE] = now + min(BACKOFF_S * 2 ** min(scrubs, 20), MAX_BACKOFF_S)
    return failed


def error_entry(reason: object, now: float) -> Document:
    """An entry of the field `error`, in the layout of the picas client."""
    return {"time": int(now), "message": reason, "exception": ""}


def _unlock_token(document: Document) -> Document:
    unlocked = dict(document, lock=0, done=0)
    for _, field in JOB_IDS:
        unlocked.pop(field, None)
    return unlocked


def _add_output(before: object, result: Document) -> object:
    usage = {
        key: result[key] for key in ("seconds", "cpu_s", "max_rss_mb", "host") if key in result
    }
    return dict(before, **usage) if isinstance(before, dict) else before or usage


def _log_attachments(name: str, result: Document) -> Document:
    """Attachments with the names that PiCaS' examples use."""
    attachments: Document = {}
    for stream, ending in (("stdout", "out"), ("stderr", "err")):
        text = result.get(stream)
        if isinstance(text, str):
            data = base64.b64encode(text.encode("utf-8", "replace")).decode("ascii")
            attachments["logs_%s.%s" % (name, ending)] = {
                "content_type": "text/plain",
                "data": data,
            }
    return attachments


def reset_token(document: Document) -> Document:
    """By an operator: todo with fresh attempts; the history stays."""
    reset = _unlock_token(document)
    reset.update({"scrub_count": 0, "exit_code": "", RELEASES: 0})
    reset.pop(NOT_BEFORE, None)
    return reset


def hold_token(document: Document, now: float) -> Document:
    """By an operator: no pilot claims the token until somebody retries it."""
    lease = lease_of(document)
    if lease is not None:
        final = Final(
            id_of(document), lease.generation, "cancelled", "cancelled by an operator", {}
        )
        document = _close_attempt(document, final, now)
    held = _unlock_token(document)
    held["lock"] = HELD
    return held

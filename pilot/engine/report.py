"""pilot-report.json: settings with sources, facts, outcomes, seconds, exit code; and the summary on
the terminal."""

import json
import os
from typing import Any, Dict, List, NamedTuple, Optional, Sequence

from pilot.base.files import write_file
from pilot.errors import EXIT_CODES, SIGNAL_BASE, signal_name
from pilot.events.tally import TaskTally
from pilot.events.endings import AttemptOutcome

NAME = "pilot-report.json"
# environments hold other users' secrets: the report has only the names of variables
_PRIVATE_FIELDS = ("environ",)


class CommandOutcome(NamedTuple):
    """How one command ended: `status` is a CommandStatus."""

    command: str
    status: str
    exit_code: int
    seconds: float
    reason: str


def jsonable(value: object) -> object:
    """Facts and settings as JSON: NamedTuples become objects, environments lists of names."""
    if hasattr(value, "_asdict"):
        return {
            key: sorted(item) if key in _PRIVATE_FIELDS else jsonable(item)
            for key, item in value._asdict().items()
        }
    if isinstance(value, dict):
        return {str(key): jsonable(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [jsonable(item) for item in value]
    if value is None or isinstance(value, (str, int, float, bool)):
        return value
    return str(value)


def final_code(outcomes: Sequence[CommandOutcome]) -> int:
    """The pilot's exit code: that of the first command that failed."""
    return next((outcome.exit_code for outcome in outcomes if outcome.exit_code), 0)


def code_meaning(code: int) -> str:
    """The meaning of an exit code."""
    if code > SIGNAL_BASE:
        return "stopped by %s" % signal_name(code - SIGNAL_BASE)
    return next((row.meaning for row in EXIT_CODES if row.code == code), "unknown")


def compose_report(
    pilot: str,
    code: int,
    outcomes: Sequence[CommandOutcome],
    tasks: Dict[str, int],
    facts: List[object],
    settings: Dict[str, Any],
    **more: Any,
) -> Dict[str, Any]:
    """The report as one JSON object; `more` adds keys such as version, started, problems."""
    report = {
        "pilot": pilot,
        "exit_code": code,
        "meaning": code_meaning(code),
        "commands": [
            dict(outcome._asdict(), seconds=round(outcome.seconds, 3)) for outcome in outcomes
        ],
        "tasks": tasks,
        "facts": {type(fact).__name__: jsonable(fact) for fact in facts},
        "settings": jsonable(settings),
    }
    report.update(more)
    return report


def write_report(path: str, report: Dict[str, Any], mode: int = 0o600) -> Optional[str]:
    """Write by rename, so that a reader never sees half a report. Returns the reason if that fails,
    or None."""
    try:
        write_file(path, (json.dumps(report, indent=1) + "\n").encode(), mode)
    except OSError as error:
        return "%s: cannot be written: %s" % (path, error.strerror)
    return None


def keep_former(path: str, environ: Dict[str, str]) -> None:
    """A job that the batch system restarts in the same folder has written a report before: rename
    that report by the number of the restart. OSError when it cannot be renamed."""
    restarts = environ.get("SLURM_RESTART_COUNT") or environ.get("RESTARTED") or "0"
    if restarts.isdigit() and int(restarts) > 0 and os.path.exists(path):
        stem, ending = os.path.splitext(path)
        os.replace(path, "%s.%d%s" % (stem, int(restarts), ending))


def write_summary(
    code: int,
    outcomes: Sequence[CommandOutcome],
    tally: TaskTally,
    seconds: float,
    places: Dict[str, str],
    problems: Sequence[str] = (),
) -> str:
    """The readable end of a run: each command with its seconds, the tasks and the first failures,
    the paths of files, and as the last line the exit code and its cause."""
    width = max([len(outcome.command) for outcome in outcomes] + [8])
    lines = [""]
    for outcome in outcomes:
        row = (width, outcome.command, outcome.status, outcome.seconds, outcome.reason)
        line = "  %-*s  %-11s %8.1f s  %s" % row
        lines.append(line.rstrip())
    lines += ["", "  %-*s  %s" % (width, "tasks", _task_line(tally))]
    for failure in tally.failures[:3]:
        kept = " (%s)" % failure["folder"] if failure["folder"] else ""
        lines.append(
            "  %-*s  %s: %s%s" % (width, "failed", failure["task"], failure["reason"], kept)
        )
    lines += ["  %-*s  %s" % (width, name, path) for name, path in places.items()]
    cause = "".join("\n  " + problem for problem in problems) or next(
        (
            "\n  %s: %s" % (outcome.command, outcome.reason)
            for outcome in outcomes
            if outcome.exit_code
        ),
        "",
    )
    lines += [
        "",
        "Exit code %d after %.1f s: %s%s" % (code, seconds, code_meaning(code), cause),
        "",
    ]
    return "\n".join(lines)


def _task_line(tally: TaskTally) -> str:
    counts = tally.counts
    parts = [
        "%d done" % counts[AttemptOutcome.DONE],
        "%d failed" % counts[AttemptOutcome.ERROR],
        "%d released" % counts[AttemptOutcome.RELEASED],
    ]
    parts += [
        "%d %s" % (counts[key], word)
        for key, word in (
            (AttemptOutcome.RETRIED, "sent back for another try"),
            (AttemptOutcome.LOST, "taken away while they ran"),
        )
        if counts.get(key)
    ]
    return ", ".join(parts) + ("; " + tally.end if tally.end else "")

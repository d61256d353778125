"""The end of a pilot with an invalid command line: reports it in the same places as every other
end."""

import os
import time
from typing import Dict, List, Sequence

from pilot import VERSION
from pilot.engine import cli, report
from pilot.hosts import vac
from pilot.base import log
from pilot.errors import PilotError, UsageError
from pilot.events.tally import TaskTally
from pilot.engine.life import new_id
from pilot.engine.run_files import LOG
from pilot.engine.settings import environment_layer


def refuse(words: Sequence[str], error: PilotError, environ: Dict[str, str]) -> int:
    """Report each problem in a line on stderr and in the log, in a report, and in the shutdown
    message of $JOBOUTPUTS; returns the exit code."""
    problems = list(error.problems) if isinstance(error, UsageError) else [str(error)]
    for sentence in problems:
        log.say("pilot: error: %s\n" % sentence, error=True)
    given = cli.scan(words, cli.ENGINE_OPTIONS, strict=False).values
    values = dict(environment_layer(cli.ENGINE_OPTIONS, environ).values, **given)
    workdir = os.path.expanduser(os.path.expandvars(values.get("workdir", ".")))
    _log_problems(workdir, problems)
    text = report.compose_report(
        os.path.expandvars(values.get("pilot_id") or new_id()),
        error.exit_code,
        [],
        TaskTally().counts,
        [],
        {},
        version=VERSION,
        host=os.uname().nodename,
        started=log.utc(time.time()),
        problems=problems,
    )
    _tell_problem(
        report.write_report(values.get("report") or os.path.join(workdir, report.NAME), text)
    )
    place = vac.place(environ)
    if place is not None:
        _tell_problem(vac.leave(place, vac.HEARTBEAT, vac.load_line()))
        _tell_problem(
            vac.leave(place, vac.SHUTDOWN_MESSAGE, vac.message(error.exit_code, 0, False))
        )
    return error.exit_code


def _tell_problem(problem: object) -> None:
    if problem:
        log.say("pilot: error: %s\n" % problem, error=True)


def _log_problems(workdir: str, problems: Sequence[str]) -> None:
    lines: List[str] = [
        "%s ERROR   pilot: %s\n" % (log.utc(time.time()), sentence) for sentence in problems
    ]
    try:
        os.makedirs(workdir, 0o700, exist_ok=True)
        with open(
            os.open(
                os.path.join(workdir, LOG),
                os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC,
                0o600,
            ),
            "wb",
        ) as stream:
            stream.write("".join(lines).encode("utf-8", "backslashreplace"))
    except OSError:  # stderr still has the problems
        pass

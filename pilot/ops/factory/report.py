"""What an ended pilot left in the folder of its submission: its report, or the last line of its
output."""

import json
import os
from typing import Any, Dict, List

from pilot.base import log as logs
from pilot.ops.factory.backends.backend import Backend
from pilot.ops.factory.book import Pilot

TAIL, LINES = 4096, 20  # bytes and lines of an output


def with_report(pilot: Pilot, backend: Backend, folder: str) -> Pilot:
    """The pilot with exit code, finished tasks and reason, where this machine can read them."""
    report = _read_report(os.path.join(folder, "job-%d" % pilot.number, "pilot-report.json"))
    tasks, code = report.get("tasks"), report.get("exit_code")
    done = tasks.get("done") if isinstance(tasks, dict) else None
    after = pilot._replace(
        done=done if isinstance(done, int) else pilot.done,
        exit_code=code if isinstance(code, int) else pilot.exit_code,
        reason=_find_reason(report) or pilot.reason,
    )
    if not report and after.exit_code:
        last = _last_line(backend, folder, pilot.number)
        after = after._replace(reason=last or after.reason)
    return after._replace(reason=logs.printable(after.reason)[:500])


def _read_report(path: str) -> Dict[str, Any]:
    try:
        with open(path, encoding="utf-8") as stream:
            report = json.load(stream)
    except (OSError, ValueError, RecursionError):
        return {}
    return report if isinstance(report, dict) else {}


def _find_reason(report: Dict[str, Any]) -> str:
    """Why the pilot failed: its mistakes, or the reason of the command that failed."""
    problems, commands = report.get("problems"), report.get("commands")
    if isinstance(problems, list) and problems:
        return "; ".join(str(problem) for problem in problems)
    for one in commands if isinstance(commands, list) else ():
        if isinstance(one, dict) and one.get("exit_code"):
            return "%s: %s" % (one.get("command"), one.get("reason"))
    return ""


def _last_line(backend: Backend, folder: str, number: int) -> str:
    return (last_lines(backend, folder, number) or [""])[-1].strip()


def last_lines(backend: Backend, folder: str, number: int) -> List[str]:
    """The last lines of the first output of a job that is not empty, printable."""
    for path in backend.output_files(folder, number):
        try:
            with open(path, "rb") as stream:
                stream.seek(max(0, os.stat(path).st_size - TAIL))
                lines = stream.read().decode("utf-8", "replace").splitlines()
        except OSError:
            continue
        words = [logs.printable(line) for line in lines if line.strip()]
        if words:
            return words[-LINES:]
    return []

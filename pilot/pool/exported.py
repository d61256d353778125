"""Checks an exported task before another pool imports it."""

import json
from typing import Dict, Iterable, Iterator, List

from pilot.pool import task
from pilot.pool.interface import STATES
from pilot.events.endings import TaskState

BESIDE = (
    "state",
    "generation",
    "attempts_used",
    "releases",
    "seconds_left",
    "pilot",
    "reason",
    "added",
    "attempts",
)  # the other keys are the task itself
_ATTEMPT = ("generation", "pilot", "started", "ended", "outcome", "reason", "result")


def spec_of(exported: Dict[str, object]) -> Dict[str, object]:
    """The task in the form in which it was added."""
    return {key: value for key, value in exported.items() if key not in BESIDE}


def find_problems(exported: object) -> List[str]:
    """A sentence per mistake."""
    if not isinstance(exported, dict):
        return ["an exported task is an object {...}"]
    identity = exported.get("id")
    name = "task %r" % str(identity)[:200] if identity is not None else "a task"
    problems = ["%s: %s" % (name, mistake) for mistake in task.check_task(spec_of(exported), "/")[1]]
    if not isinstance(exported.get("id"), str):
        problems.append("%s: has no id" % name)
    if exported.get("state", TaskState.TODO) not in STATES:
        problems.append("%s: state is none of %s" % (name, ", ".join(STATES)))
    for key in ("generation", "attempts_used", "releases"):
        if not _is_whole(exported.get(key, 0)):
            problems.append("%s: %s is no whole number" % (name, key))
    if not _is_moment(exported.get("added", 0)) or not isinstance(
        exported.get("reason") or "", str
    ):
        problems.append("%s: added or reason is malformed" % name)
    attempts = exported.get("attempts", [])
    if not isinstance(attempts, list) or not all(_check_attempt(one) for one in attempts):
        problems.append("%s: attempts is no list of attempts" % name)
    return problems


def _check_attempt(one: object) -> bool:
    return (
        isinstance(one, dict)
        and set(one) == set(_ATTEMPT)
        and _is_whole(one["generation"])
        and isinstance(one["pilot"], str)
        and _is_moment(one["started"])
        and (one["ended"] is None or _is_moment(one["ended"]))
        and all(one[key] is None or isinstance(one[key], str) for key in ("outcome", "reason"))
        and (one["result"] is None or isinstance(one["result"], dict))
    )


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 40


def _is_moment(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < 1e12


def each_task(name: str, lines: Iterable[str], mistakes: List[str]) -> Iterator[Dict[str, object]]:
    """The tasks of a file that `export` wrote, one at a time; adds a sentence per mistake (of the
    first ones) to `mistakes`."""
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            one = json.loads(line)
        except (ValueError, RecursionError) as error:
            one, wrong = None, ["not JSON: %s" % error]
        else:
            wrong = find_problems(one)
        if not wrong:
            yield one
        elif len(mistakes) < task.MOST_PROBLEMS:
            mistakes += ["%s, line %d: %s" % (name, number, mistake) for mistake in wrong]

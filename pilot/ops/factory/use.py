"""How an ended pilot used its slot, by its own events (pilot-events.jsonl)."""

import calendar
import json
import os
import time
from typing import Any, Dict, Iterator, NamedTuple, Optional

from pilot.events import event as events
from pilot.events.endings import AttemptOutcome

EVENTS_FILE = "pilot-events.jsonl"
MOST_BYTES = 256 << 20  # of one file of events
MOST_LINE = 1 << 20


class Use(NamedTuple):
    """Times of one pilot: `setup_s` from its start to the start of its agent, `tail_s` from the end
    of its last task to its own, in seconds; `well_s` in payloads that ended well, `failed_s` in all
    others, in seconds times cores."""

    setup_s: float
    well_s: float
    failed_s: float
    tail_s: float


def read_use(folder: str) -> Optional[Use]:
    """The use by the events in a pilot's working directory; None where there are none."""
    return sum_events(_read_events(os.path.join(folder, EVENTS_FILE)))


def sum_events(told: Iterator[Dict[str, Any]]) -> Optional[Use]:
    """The use that these events show; None for none."""
    began = agent = last_task = end = None  # type: Optional[float]
    well_s = failed_s = 0.0
    for event in told:
        at, kind = _unix_s(event.get("time")), event.get("event")
        if at is None:
            continue
        end = at
        if began is None:
            began = at
        if kind == events.AGENT_STARTED and agent is None:
            agent = at
        if kind == events.TASK_FINISHED:
            last_task = at
            core_s = _number(event.get("seconds")) * max(1.0, _number(event.get("cores")))
            if event.get("outcome") == AttemptOutcome.DONE:
                well_s += core_s
            else:
                failed_s += core_s
    if began is None or end is None:
        return None
    setup_s = (end if agent is None else agent) - began
    tail_s = 0.0 if agent is None else end - (agent if last_task is None else last_task)
    return Use(max(0.0, setup_s), well_s, failed_s, max(0.0, tail_s))


def _read_events(path: str) -> Iterator[Dict[str, Any]]:
    """The events of a file. A damaged line is left out: a pilot may be killed as it writes one."""
    try:
        with open(path, "rb") as stream:
            while stream.tell() < MOST_BYTES:
                line = stream.readline(MOST_LINE)
                if not line:
                    return
                try:
                    event = json.loads(line.decode("utf-8", "replace"))
                except (ValueError, RecursionError):
                    continue
                if isinstance(event, dict):
                    yield event
    except OSError:
        return


def _unix_s(text: object) -> Optional[float]:
    """UNIX time of a moment like 2026-11-22T15:32:36.063Z."""
    try:
        whole, _, part = str(text).rstrip("Z").partition(".")
        return calendar.timegm(time.strptime(whole, "%Y-%m-%dT%H:%M:%S")) + float("0." + (part or "0"))
    except ValueError:
        return None


def _number(value: object) -> float:
    good = isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < 1e9
    return float(value) if good and isinstance(value, (int, float)) else 0.0

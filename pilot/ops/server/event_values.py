"""Reads values from events, which may contain anything: texts and numbers with limits, and the new
state of a pilot. Pure."""

import json
from typing import Dict, Optional, Tuple

from pilot.events import event as events
from pilot.ops.job_events import PILOT_SUBMITTED

MAX_TEXT = 2000


def text_value(value: object) -> str:
    """Return a text of at most MAX_TEXT characters. A value that is not a text becomes JSON."""
    text = value if isinstance(value, str) else "" if value is None else json.dumps(value)
    return text[:MAX_TEXT]


def float_value(value: object) -> float:
    """Return a number from 0 to 1e12; 0 for anything else."""
    if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < 1e12:
        return float(value)
    return 0.0


def int_value(value: object) -> int:
    """Return an integer of at most 40 bits; 0 for anything else."""
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 1 << 40:
        return value
    return 0


def cores_value(body: Dict[str, object]) -> int:
    """Return the number of cores from a fact about the worker node; 1 if the event does not contain
    it."""
    fact = body.get("fact")
    return max(1, int_value(fact.get("cores") if isinstance(fact, dict) else 1))


def level_of(site: Dict[str, object]) -> Tuple[Optional[int], int, int]:
    """Return demand, pending and running pilots of a site as a factory reports them. None: the
    demand is not known."""
    demand = site.get("demand")
    return (
        None if demand is None else int_value(demand),
        int_value(site.get("pending")),
        int_value(site.get("running")),
    )


def state_changes(kind: str, body: Dict[str, object], now: float) -> Dict[str, object]:
    """Return the columns of a pilot that its newest event changes, with their new values."""
    if kind == events.COMMAND_STARTED:
        return {"command": text_value(body.get("command")), "state": "running"}
    if kind == PILOT_SUBMITTED:
        return {"state": "submitted"}
    if kind == events.AGENT_IDLE:
        return {"state": "idle"}
    if kind == events.PILOT_HEARTBEAT:
        pulse = json.dumps(body)
        return {"pulse": pulse if len(pulse) <= MAX_TEXT else "{}"}
    if kind in (events.PILOT_STOPPING, events.PILOT_HOLDING):
        return {"state": kind.split()[1]}
    if kind == events.PILOT_STARTED:  # also when a pilot with a fixed id runs again
        return {
            "state": "running",
            "command": "",
            "ended": None,
            "exit_code": None,
            "reason": "",
            "running": 0,
        }
    if kind == events.PILOT_FINISHED:
        return {
            "state": "finished",
            "ended": now,
            "exit_code": int_value(body.get("exit_code")),
            "seconds": float_value(body.get("seconds")),
        }
    return {}

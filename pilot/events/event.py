"""The kinds of events and the fields that all events share."""

from typing import Any, Dict

PILOT_STARTED = "pilot started"
PILOT_STOPPING = "pilot stopping"
PILOT_HOLDING = "pilot holding"
PILOT_FINISHED = "pilot finished"
PILOT_HEARTBEAT = "pilot heartbeat"
LOG = "log"
COMMAND_STARTED = "command started"
COMMAND_FINISHED = "command finished"
FACT_FOUND = "fact found"
AGENT_STARTED = "agent started"
AGENT_IDLE = "agent idle"
AGENT_FINISHED = "agent finished"
TASK_CLAIMED = "task claimed"
TASK_STARTED = "task started"
TASK_USAGE = "task usage"
TASK_FINISHED = "task finished"
FACTORY_STATE = "factory state"

Event = Dict[str, Any]  # JSON: each kind of event has its own fields


def make(pilot: str, seq: int, time: str, event: str, fields: Dict[str, object]) -> Event:
    """Return `{"pilot", "seq", "time", "event", ...}`. Each pilot counts seq from 1; time is
    UTC."""
    return dict({"pilot": pilot, "seq": seq, "time": time, "event": event}, **fields)

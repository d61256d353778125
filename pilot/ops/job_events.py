"""The events that a factory sends about its pilots' jobs: a pilot that never starts has a story as
well."""

PILOT_SUBMITTED = "pilot submitted"
JOB_ENDED = "job ended"
FIRST_SEQ = 1  # of a pilot's submission; its own events have higher numbers


def end_seq(unix_s: float) -> int:
    """The number of a job's end: higher than those of the pilot's own events, which count from the
    milliseconds of its start (pilot/engine/event_sinks.py)."""
    return (int(unix_s * 1000) << 10) + 1023

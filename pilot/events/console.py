"""Writes events as log lines for a person to read."""

import logging

from pilot.events import event as events
from pilot.events.endings import AttemptOutcome, CommandStatus

_LEVELS = {
    CommandStatus.FAILED: logging.ERROR,
    CommandStatus.CRASHED: logging.ERROR,
    CommandStatus.TIMED_OUT: logging.ERROR,
    CommandStatus.INTERRUPTED: logging.WARNING,
}


class ConsoleSink:
    """Logs the events that an operator wants to see of a run: the end of each command and task."""

    def __call__(self, event: events.Event) -> None:
        kind = event["event"]
        if kind == events.COMMAND_STARTED:
            logging.getLogger("pilot.%s" % event["command"]).debug("started")
        elif kind == events.COMMAND_FINISHED:
            logging.getLogger("pilot.%s" % event["command"]).log(
                _LEVELS.get(event["status"], logging.INFO),
                "%s after %.1f s%s",
                event["status"],
                event["seconds"],
                ": " + event["reason"] if event["reason"] else "",
            )
        elif kind == events.TASK_FINISHED:
            ok = event["outcome"] == AttemptOutcome.DONE
            logging.getLogger("pilot.agent").log(
                logging.DEBUG if ok else logging.WARNING,
                "task %s %s after %.1f s%s%s", event["task"], event["outcome"], event["seconds"],
                ": " + event["reason"] if event["reason"] else "",
                " (kept in %s)" % event["folder"] if event.get("folder") else "",
            )

"""Relays the built-in agent's output: events into the stream, log records into the log."""

import json
import logging
import signal
from typing import Any, Dict, Optional, Tuple

from pilot.agent import child
from pilot.agent.live import Live
from pilot.base import process, process_tree
from pilot.context import Context
from pilot.errors import signal_name
from pilot.events import event as events
from pilot.events.endings import AttemptOutcome

log = logging.getLogger("pilot.LaunchAgent")


class AgentRelay(child.Watched):
    """Reads the built-in agent's output line by line."""

    def __init__(self, ctx: Context) -> None:
        super().__init__()
        self.listens = False  # until the agent reports that it handles the signal
        self.end: Optional[Tuple[int, str]] = None
        # the start event of each running task, by task
        self.running: Dict[str, Dict[str, object]] = {}
        self.counts = {
            AttemptOutcome.DONE.value: 0,
            AttemptOutcome.ERROR.value: 0,
            AttemptOutcome.RELEASED.value: 0,
        }
        self.failure = ""  # of the last task that failed
        self._ctx = ctx
        self._live: Optional[Live] = None

    def line(self, text: str) -> None:
        """Handle one line of the agent's standard output."""
        event = _parse_event(text)
        if event is None:
            return log.info("%s", text)
        kind = event.pop("event")
        if kind == events.LOG:
            return log.log(logging.getLevelName(event["level"]), "%s", event["message"])
        if kind == events.AGENT_STARTED:
            self.listens = True
            if self._ctx.interrupts.drain:
                process_tree.send_group(self.pid, signal.SIGUSR1)
        elif kind == events.AGENT_FINISHED:
            self.end = (event["exit_code"], event["reason"])
        elif kind == events.TASK_STARTED:
            self.running[event["task"]] = event
            if self._ctx.settings["task"]:
                self._live = Live(event["home"])
        elif kind == events.TASK_FINISHED:
            self._task_finished(event)
        self._ctx.events.emit(kind, command="LaunchAgent", **event)

    def _task_finished(self, event: Dict[str, Any]) -> None:
        self.running.pop(event["task"], None)
        if event["outcome"] in self.counts:
            self.counts[event["outcome"]] += 1
        if event["outcome"] == AttemptOutcome.ERROR:
            self.failure = event["reason"]
        if self._live is not None:
            self._live.finish(event.get("folder"))
            self._live = None

    def lose_all(self) -> None:
        """The agent died: its running tasks are lost, and count as lost."""
        for task, event in self.running.items():
            self._ctx.events.emit(
                events.TASK_FINISHED,
                command="LaunchAgent",
                task=task,
                generation=event["generation"],
                outcome=AttemptOutcome.LOST,
                reason="the agent died",
            )

    def error_line(self, text: str) -> None:
        """Handle one line of its standard error: a traceback."""
        log.warning("%s", text)


def _parse_event(text: str) -> Optional[Dict[str, Any]]:
    try:
        event = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return event if isinstance(event, dict) and isinstance(event.get("event"), str) else None


def describe_death(result: process.Result, story: AgentRelay) -> str:
    """The sentence for an agent that exited without reporting its end."""
    how = (
        "was killed by %s" % signal_name(-result.exit_code)
        if result.exit_code < 0
        else "ended with %d" % result.exit_code
    )
    last = [line.strip() for line in result.stderr.splitlines() if line.strip()][-1:]
    tasks = ", ".join(sorted(story.running)[:5]) + (" and others" if len(story.running) > 5 else "")
    left = "; it was running %s, whose leases end by themselves" % tasks if tasks else ""
    return "the agent exited without reporting its end: it %s%s%s" % (
        how,
        ": " + last[0] if last else "",
        left,
    )

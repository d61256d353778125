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
        told = _parse_event(text)
        if told is None:
            return log.info("%s", text)
        kind = told.pop("event")
        if kind == events.LOG:
            return log.log(logging.getLevelName(told["level"]), "%s", told["message"])
        if kind == events.AGENT_STARTED:
            self.listens = True
            if self._ctx.interrupts.drain:
                process_tree.send_group(self.pid, signal.SIGUSR1)
        elif kind == events.AGENT_FINISHED:
            self.end = (told["exit_code"], told["reason"])
        elif kind == events.TASK_STARTED:
            self.running[told["task"]] = told
            if self._ctx.settings["task"]:
                self._live = Live(told["home"])
        elif kind == events.TASK_FINISHED:
            self._task_finished(told)
        self._ctx.events.emit(kind, command="LaunchAgent", **told)

    def _task_finished(self, told: Dict[str, Any]) -> None:
        self.running.pop(told["task"], None)
        if told["outcome"] in self.counts:
            self.counts[told["outcome"]] += 1
        if told["outcome"] == AttemptOutcome.ERROR:
            self.failure = told["reason"]
        if self._live is not None:
            self._live.finish(told.get("folder"))
            self._live = None

    def lose_all(self) -> None:
        """The agent died: its running tasks are lost, and count as lost."""
        for task, told in self.running.items():
            self._ctx.events.emit(
                events.TASK_FINISHED,
                command="LaunchAgent",
                task=task,
                generation=told["generation"],
                outcome=AttemptOutcome.LOST,
                reason="the agent died",
            )

    def error_line(self, text: str) -> None:
        """Handle one line of its standard error: a traceback."""
        log.warning("%s", text)


def _parse_event(text: str) -> Optional[Dict[str, Any]]:
    try:
        told = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return told if isinstance(told, dict) and isinstance(told.get("event"), str) else None


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

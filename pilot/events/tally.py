"""Counts the tasks of this pilot from its events, so that the report holds them on every way
out."""

from typing import Dict, List, Set

from pilot.events import event as events
from pilot.events.endings import AttemptOutcome

MAX_FAILURES = 10
FAILED = (AttemptOutcome.ERROR, AttemptOutcome.RETRIED)


class TaskTally:
    """`counts` maps done, error and released to how many tasks ended so, retried to those sent back
    after a failure;
    `failures` are the first failed attempts; `running` those under way; `end` is the agent's last
    word."""

    def __init__(self) -> None:
        self.counts: Dict[str, int] = {
            outcome.value: 0
            for outcome in (
                AttemptOutcome.DONE,
                AttemptOutcome.ERROR,
                AttemptOutcome.RELEASED,
                AttemptOutcome.RETRIED,
                AttemptOutcome.LOST,
            )
        }
        self.failures: List[Dict[str, object]] = []
        self.running: Set[str] = set()
        self.end = ""

    def __call__(self, event: events.Event) -> None:
        kind = event["event"]
        if kind == events.TASK_STARTED:
            self.running.add(event["task"])
        elif kind == events.AGENT_FINISHED:
            self.end = event["reason"]
        elif kind == events.TASK_FINISHED:
            self.running.discard(event["task"])
            if event["outcome"] in self.counts:
                self.counts[event["outcome"]] += 1
            if event["outcome"] in FAILED and len(self.failures) < MAX_FAILURES:
                self.failures.append(
                    {key: event.get(key) for key in ("task", "outcome", "reason", "folder")}
                )

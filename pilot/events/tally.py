"""Counts the tasks of this pilot from its events, so that the report has them however the pilot
ends."""

from typing import Dict, List, Set

from pilot.events import event as events
from pilot.events.endings import AttemptOutcome

MAX_FAILURES = 10
FAILED = (AttemptOutcome.ERROR, AttemptOutcome.RETRIED)


class TaskTally:
    """`counts` has the number of tasks by outcome: done, error, released, lost, and retried after a
    failure. `failures` has the first failed attempts, `running` the tasks in progress, `end` the
    reason that the agent gave for its end."""

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

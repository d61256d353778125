"""Counts the tasks of this pilot from its events, so that the report holds them on every way out."""

from typing import Dict

from pilot.events import event as events


class TaskTally:
    """`counts` maps done, error and released to how many tasks ended so; `retried` those sent back to be tried again."""

    def __init__(self) -> None:
        self.counts: Dict[str, int] = {"done": 0, "error": 0, "released": 0, "retried": 0, "lost": 0}

    def __call__(self, event: events.Event) -> None:
        if event["event"] == events.TASK_FINISHED and event["outcome"] in self.counts:
            self.counts[event["outcome"]] += 1

"""How things end: the one vocabulary from payload to page. docs/tasks.md has the transitions."""

import enum


class Word(str, enum.Enum):
    """A text of a fixed set: it is written, compared and stored as that text."""

    def __str__(self) -> str:
        return str(self.value)


class CommandStatus(Word):
    """How a command of the plan ended."""

    OK = "ok"
    SKIPPED = "skipped"
    FAILED = "failed"
    CRASHED = "crashed"  # by an error that is a bug
    TIMED_OUT = "timed out"
    INTERRUPTED = "interrupted"


class AttemptOutcome(Word):
    """How an attempt at a task ended. An agent reports the first five to its pool."""

    DONE = "done"
    ERROR = "error"
    RELEASED = "released"  # given back unfinished
    RETURNED = "returned"  # given back before it was started
    LOST = "lost"  # the lease ran out, or is another's
    CANCELLED = "cancelled"  # by an operator
    RETRIED = "retried"  # an error, and the task is todo again: in events only


class TaskState(Word):
    """Where a task is in its pool."""

    TODO = "todo"
    LOCKED = "locked"
    DONE = "done"
    ERROR = "error"
    HELD = "held"

"""Outcomes and states: all parts of the program, from payloads to web pages, use these words.
docs/tasks.md lists the transitions."""

import enum


class Word(str, enum.Enum):
    """A text from a fixed set. It is written, compared and stored as plain text."""

    def __str__(self) -> str:
        return str(self.value)


class CommandStatus(Word):
    """How a command of the plan ended."""

    OK = "ok"
    SKIPPED = "skipped"
    FAILED = "failed"
    CRASHED = "crashed"  # an exception that indicates a bug
    TIMED_OUT = "timed out"
    INTERRUPTED = "interrupted"


class AttemptOutcome(Word):
    """How an attempt at a task ended. An agent reports the first five to its pool."""

    DONE = "done"
    ERROR = "error"
    RELEASED = "released"  # returned to the pool unfinished
    RETURNED = "returned"  # returned to the pool before it was started
    LOST = "lost"  # the lease expired, or another agent holds it
    CANCELLED = "cancelled"  # by an operator
    RETRIED = "retried"  # an error; the pool sets the task back to todo: in events only


class TaskState(Word):
    """The state of a task in its pool."""

    TODO = "todo"
    LOCKED = "locked"
    DONE = "done"
    ERROR = "error"
    HELD = "held"

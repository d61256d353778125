"""The rows of a SQLite pool, and the transitions that all its parts share."""

import json
import random
import time
from typing import Any, Dict, NamedTuple, Optional, Sequence, Tuple

from pilot.pool import sqlite_file
from pilot.events.endings import AttemptOutcome, TaskState

MAX_BACKOFF_S = 600.0
# unconfirmed attempts that cost the task nothing; with more of them, the task probably kills its
# agents at once
MAX_UNCONFIRMED = 20


class Row(NamedTuple):
    """One task, as the file stores it."""

    seq: int
    id: str
    state: str
    priority: int
    generation: int
    attempts: int
    max_attempts: int
    until: Optional[float]
    pilot: Optional[str]
    reason: Optional[str]
    added: float
    spec: str
    begun: int
    lease_s: float
    releases: int
    max_releases: int
    unconfirmed: int


TASK = ", ".join(Row._fields)


class TaskRows:
    """Reads rows and moves tasks from state to state; the callers hold a writer transaction."""

    def __init__(self, file: sqlite_file.SQLiteFile) -> None:
        self._file, self._db = file, file.db

    def class_of(self, spec: Dict[str, Any]) -> int:
        """The class of tasks with these needs; adds a new class to the table."""
        needs = (
            spec.get("cores", 1),
            spec.get("memory_mb", 0),
            spec.get("gpus", 0),
            spec.get("walltime_s", 0.0),
            ",".join(sorted(set(spec.get("tags", [])))),
            int("container" in spec),
        )
        self._db.execute(
            "INSERT OR IGNORE INTO classes (cores, memory_mb, gpus, walltime_s, tags, container)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            needs,
        )
        row = self._db.execute(
            "SELECT class FROM classes WHERE cores = ? AND memory_mb = ? AND gpus = ? AND walltime_s = ?"
            " AND tags = ? AND container = ?",
            needs,
        ).fetchone()
        return int(row[0])

    def find_row(self, identity: str) -> Optional[Row]:
        """The task with this id, or None."""
        rows = self._file.query_rows("SELECT " + TASK + " FROM tasks WHERE id = ?", (identity,))
        return Row._make(rows[0]) if rows else None

    def end_attempt(
        self, seq: int, generation: int, outcome: str, reason: str, result: Optional[Dict[str, Any]]
    ) -> None:
        """Record how an attempt ended."""
        self._db.execute(
            "UPDATE attempts SET ended = ?, outcome = ?, reason = ?, result = ? WHERE task = ? AND generation = ?",
            (time.time(), outcome, reason, json.dumps(result) if result else None, seq, generation),
        )

    def set_state(self, row: Row, state: str, reason: str, wait_s: float = 0.0) -> None:
        """Move a task into this state; a todo task first waits for `wait_s` seconds."""
        ready = state == TaskState.TODO and wait_s <= 0
        until = sqlite_file.monotonic_s() + wait_s if state == TaskState.TODO and not ready else None
        self._db.execute(
            "UPDATE tasks SET state = ?, ready = ?, until = ?, pilot = NULL, reason = ? WHERE seq = ?",
            (state, int(ready), until, reason, row.seq),
        )

    def fail_attempt(self, row: Row, reason: str) -> str:
        """Use up an attempt; returns the task's new state, error when it was the last attempt."""
        state = TaskState.ERROR if row.attempts >= row.max_attempts else TaskState.TODO
        self.set_state(row, state, reason, self._wait_s(row.attempts))
        return state

    def _refund_attempt(self, row: Row) -> None:
        self._db.execute(
            "UPDATE tasks SET attempts = max(attempts - 1, 0) WHERE seq = ?", (row.seq,)
        )

    def give_back(self, row: Row, begun: bool, reason: str) -> str:
        """Refund the attempt. A task that has started is given back at most max_releases times, so
        that a task that never finishes, or ends its pilots, does not circulate without end."""
        if begun and row.releases >= row.max_releases:
            reasons = self._file.query_rows(
                "SELECT reason FROM attempts WHERE task = ? AND outcome = 'released' ORDER BY generation",
                (row.seq,),
            )
            self.set_state(
                row,
                TaskState.ERROR,
                "given back %d times, max_releases is %d: %s"
                % (
                    row.releases + 1,
                    row.max_releases,
                    "; ".join(dict.fromkeys(one[0] or "" for one in reasons))[:3000],
                ),
            )
            return TaskState.ERROR
        self._refund_attempt(row)
        self._db.execute(
            "UPDATE tasks SET releases = releases + ? WHERE seq = ?", (int(begun), row.seq)
        )
        self.set_state(row, TaskState.TODO, reason)
        return TaskState.TODO

    def _wait_s(self, attempts: int) -> float:
        wait = min(self._file.backoff_s * 2 ** min(attempts, 20), MAX_BACKOFF_S)
        return float(wait * (1 + 0.1 * random.random()))

    def confirm_starts(self, keys: Sequence[Tuple[str, int]], pilot: str) -> None:
        """Confirm that the agent holds these leases and has started their payloads."""
        if not keys:
            return
        self._db.executemany(
            "UPDATE tasks SET begun = 1 WHERE id = ? AND generation = ? AND pilot = ? AND state = 'locked'",
            [(identity, generation, pilot) for identity, generation in keys],
        )

    def expire_leases(self) -> None:
        """Leases that ran out count as failed attempts, unless they were never confirmed; tasks
        whose wait is over become claimable."""
        now = sqlite_file.monotonic_s()
        for values in self._db.execute(
            "SELECT "
            + TASK
            + " FROM tasks INDEXED BY tasks_locked WHERE state = 'locked' AND until <= ?",
            (now,),
        ).fetchall():
            self._lose_lease(Row._make(values))
        self._db.execute(
            "UPDATE tasks INDEXED BY tasks_waiting SET ready = 1, until = NULL, pilot = NULL"
            " WHERE state = 'todo' AND ready = 0 AND until <= ?",
            (now,),
        )

    def _lose_lease(self, row: Row) -> None:
        if row.begun or row.unconfirmed >= MAX_UNCONFIRMED:
            self.end_attempt(row.seq, row.generation, AttemptOutcome.LOST, "the lease ran out", None)
            self._db.execute("UPDATE tasks SET begun = 1 WHERE seq = ?", (row.seq,))
            self.fail_attempt(row, "pilot %s did not renew the lease" % row.pilot)
            return
        self.end_attempt(
            row.seq,
            row.generation,
            AttemptOutcome.LOST,
            "the lease ran out; its start was never confirmed",
            None,
        )
        self._refund_attempt(row)
        self._db.execute("UPDATE tasks SET unconfirmed = unconfirmed + 1 WHERE seq = ?", (row.seq,))
        self.set_state(row, TaskState.TODO, "pilot %s claimed it and did not report again" % row.pilot)

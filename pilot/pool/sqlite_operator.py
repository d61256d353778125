"""The requests of operators to a SQLite pool: counts, a task's history, retry, hold, export and
import."""

import json
import time
from typing import Any, Callable, Dict, Iterable, Iterator, List, Optional, Sequence, Tuple

from pilot.pool import sqlite_file
from pilot.pool import exported as moving
from pilot.pool.sqlite_rows import TASK, Row, TaskRows
from pilot.base.shared_defaults import MAX_ATTEMPTS, MAX_RELEASES
from pilot.events.endings import AttemptOutcome, TaskState


def tell_task(rows: Callable[[str, Sequence[object]], List[Any]], row: Row) -> Dict[str, Any]:
    """A task with its attempts; `rows` queries the file."""
    names = ("generation", "pilot", "started", "ended", "outcome", "reason", "result")
    found = rows(
        "SELECT %s FROM attempts WHERE task = ? ORDER BY generation" % ", ".join(names), (row.seq,)
    )
    attempts = [dict(zip(names, attempt)) for attempt in found]
    for attempt in attempts:
        attempt["result"] = json.loads(attempt["result"]) if attempt["result"] else None
    left = max(0.0, row.until - sqlite_file.monotonic_s()) if row.until is not None else None
    return dict(
        json.loads(row.spec),
        state=row.state,
        priority=row.priority,
        generation=row.generation,
        attempts_used=row.attempts,
        max_attempts=row.max_attempts,
        releases=row.releases,
        seconds_left=left,
        pilot=row.pilot,
        reason=row.reason,
        added=row.added,
        attempts=attempts,
    )


class SQLiteOperator:
    """The operator's half of the pool's interface, implemented by this file."""

    def __init__(self, file: sqlite_file.SQLiteFile, rows: TaskRows) -> None:
        self._file, self._db, self._rows = file, file.db, rows

    def show(self, task: str) -> Optional[Dict[str, Any]]:
        row = self._rows.find_row(task)
        return None if row is None else self._describe_row(row)

    def _describe_row(self, row: Row) -> Dict[str, Any]:
        return tell_task(self._file.query_rows, row)

    def retry(self, tasks: Optional[Iterable[str]]) -> int:
        """Send tasks back. A task that was cancelled during its run waits until the run has ended,
        or its lease has run out."""
        with self._file.writing():
            names = (
                [row[0] for row in self._db.execute("SELECT id FROM tasks WHERE state = 'error'")]
                if tasks is None
                else tasks
            )
            return sum(
                self._db.execute(
                    "UPDATE tasks SET state = 'todo', ready = coalesce(until, 0) <= ?, until = CASE WHEN until > ? THEN until END,"
                    " attempts = 0, releases = 0, unconfirmed = 0, reason = 'sent back by an operator'"
                    " WHERE id = ? AND state IN ('error', 'held')",
                    (sqlite_file.monotonic_s(), sqlite_file.monotonic_s(), name),
                ).rowcount
                for name in names
            )

    def cancel(self, tasks: Iterable[str]) -> int:
        count = 0
        with self._file.writing():
            for name in tasks:
                row = self._rows.find_row(name)
                if row is None or row.state not in (TaskState.TODO, TaskState.LOCKED):
                    continue
                if row.state == TaskState.LOCKED:
                    self._rows.end_attempt(
                        row.seq, row.generation, AttemptOutcome.CANCELLED, "cancelled by an operator", None
                    )
                waits = row.pilot is not None  # its run continues until its agent learns of it
                self._rows.set_state(row, TaskState.HELD, "cancelled by an operator")
                if waits:
                    self._db.execute(
                        "UPDATE tasks SET pilot = ?, until = ? WHERE seq = ?",
                        (row.pilot, row.until, row.seq),
                    )
                count += 1
        return count

    def purge(self, state: str, older_than_s: float, most: int) -> int:
        """Delete tasks in this state (done, error, held) that have not changed for so long, at most
        so many; returns how many."""
        then = time.time() - older_than_s
        with self._file.writing():
            rows = self._db.execute(
                "SELECT seq FROM tasks WHERE state = ? AND added < ? AND (pilot IS NULL OR coalesce(until, 0) <= ?)"
                " AND NOT EXISTS (SELECT 1 FROM attempts WHERE task = seq AND coalesce(ended, started) >= ?) ORDER BY seq LIMIT ?",
                (state, then, sqlite_file.monotonic_s(), then, most),
            ).fetchall()
            self._db.executemany("DELETE FROM attempts WHERE task = ?", rows)
            self._db.executemany("DELETE FROM tasks WHERE seq = ?", rows)
        return len(rows)

    def export(self, state: Optional[str] = None) -> Iterator[Dict[str, Any]]:
        last = 0
        while True:
            rows = self._file.query_rows(
                "SELECT "
                + TASK
                + " FROM tasks WHERE seq > ? AND (? IS NULL OR state = ?) ORDER BY seq LIMIT 500",
                (last, state, state),
            )
            for row in rows:
                yield self._describe_row(Row(*row))
            if not rows:
                return
            last = rows[-1][0]

    def restore(self, tasks: Iterable[Dict[str, Any]]) -> Tuple[int, int]:
        added, known = 0, 0
        with self._file.writing():
            for task in tasks:
                done = self._restore_task(task)
                added, known = added + done, known + 1 - done
        return added, known

    def _restore_task(self, task: Dict[str, Any]) -> int:
        spec = moving.spec_of(task)
        state = task.get("state", TaskState.TODO)
        state = TaskState.TODO if state == TaskState.LOCKED else state
        generation = max(
            [task.get("generation", 0)]
            + [attempt["generation"] for attempt in task.get("attempts", ())]
        )
        values = (
            spec["id"],
            self._rows.class_of(spec),
            state,
            int(state == TaskState.TODO),
            task.get("priority", 0),
            generation,
            task.get("attempts_used", 0),
            task.get("max_attempts", MAX_ATTEMPTS),
            task.get("releases", 0),
            task.get("max_releases", MAX_RELEASES),
            task.get("reason"),
            task.get("added", time.time()),
            json.dumps(spec),
        )
        cursor = self._db.execute(
            "INSERT OR IGNORE INTO tasks (id, class, state, ready, priority, generation, attempts, max_attempts, releases, max_releases,"
            " reason, added, spec) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            values,
        )
        if not cursor.rowcount:
            return 0
        for attempt in task.get("attempts", ()):
            self._restore_attempt(cursor.lastrowid, attempt)
        return 1

    def _restore_attempt(self, row: Any, attempt: Dict[str, Any]) -> None:
        cut = not attempt["outcome"]
        values = (
            row, attempt["generation"], attempt["pilot"], attempt["started"], attempt["ended"],
            AttemptOutcome.LOST if cut else attempt["outcome"],
            "moved to another pool while it ran" if cut else attempt["reason"],
            json.dumps(attempt["result"]) if attempt["result"] else None,
        )
        self._db.execute("INSERT OR IGNORE INTO attempts VALUES (?, ?, ?, ?, ?, ?, ?, ?)", values)

"""The rows of a SQLite pool, and the transitions that every part of it makes."""

import json
import random
import time
from typing import Any, Dict, Optional

from pilot.pool import sqlite_file

MAX_BACKOFF_S = 600.0
KEEP_REQUESTS_S = 86400.0
TASK = "seq, id, state, priority, generation, attempts, max_attempts, until, pilot, reason, added, spec"


class Rows(sqlite_file.SQLiteFile):
    """Looks rows up and moves tasks from state to state; the callers hold a writer transaction."""

    def _class_of(self, spec: Dict[str, Any]) -> int:
        needs = (spec.get("cores", 1), spec.get("memory_mb", 0), spec.get("gpus", 0), spec.get("walltime_s", 0.0),
                 ",".join(sorted(set(spec.get("tags", [])))), int("container" in spec))
        self._db.execute("INSERT OR IGNORE INTO classes (cores, memory_mb, gpus, walltime_s, tags, container)"
                         " VALUES (?, ?, ?, ?, ?, ?)", needs)
        row = self._db.execute("SELECT class FROM classes WHERE cores = ? AND memory_mb = ? AND gpus = ? AND walltime_s = ?"
                               " AND tags = ? AND container = ?", needs).fetchone()
        return int(row[0])

    def _row(self, identity: str) -> Any:
        return next(iter(self._rows("SELECT " + TASK + " FROM tasks WHERE id = ?", (identity,))), None)

    def _held_row(self, identity: str, generation: int, pilot: str) -> Any:
        row = self._row(identity)
        held = row is not None and row[2] == "locked" and row[4] == generation and row[8] == pilot
        return row if held else None

    def _end_attempt(self, seq: int, generation: int, outcome: str, reason: str, result: Optional[Dict[str, Any]]) -> None:
        self._db.execute("UPDATE attempts SET ended = ?, outcome = ?, reason = ?, result = ? WHERE task = ? AND generation = ?",
                         (time.time(), outcome, reason, json.dumps(result) if result else None, seq, generation))

    def _set(self, row: Any, state: str, reason: str, wait_s: float = 0.0) -> None:
        ready = state == "todo" and wait_s <= 0
        until = sqlite_file.clock() + wait_s if state == "todo" and not ready else None
        self._db.execute("UPDATE tasks SET state = ?, ready = ?, until = ?, pilot = NULL, reason = ? WHERE seq = ?",
                         (state, int(ready), until, reason, row[0]))

    def _failed(self, row: Any, reason: str) -> str:
        attempts, most = row[5], row[6]
        state = "error" if attempts >= most else "todo"
        self._set(row, state, reason, self._wait_s(attempts))
        return state

    def _wait_s(self, attempts: int) -> float:
        wait = min(self._backoff_s * 2 ** min(attempts, 20), MAX_BACKOFF_S)
        return float(wait * (1 + 0.1 * random.random()))

    def expire(self) -> None:
        """Once for all the claims of a batch: leases that ran out, waits that are over."""
        with self._writing():
            self._expire()

    def forget_requests(self) -> None:
        """Answers that nobody will ask for again."""
        with self._writing():
            self._db.execute("DELETE FROM requests WHERE made < ?", (sqlite_file.clock() - KEEP_REQUESTS_S,))

    def touch(self) -> None:
        """Write something: Busy when nothing can be written."""
        with self._writing():
            self._db.execute("INSERT OR REPLACE INTO meta VALUES ('touched', ?)", ("%.6f" % time.time(),))

    def claimable(self) -> int:
        """How many tasks could be claimed now, by somebody."""
        return int(self._rows("SELECT coalesce(sum(ready), 0) FROM classes")[0][0])

    def _expire(self) -> None:
        """Leases that ran out are failed attempts; waits that are over make tasks claimable."""
        now = sqlite_file.clock()
        for row in self._db.execute("SELECT " + TASK + " FROM tasks INDEXED BY tasks_locked WHERE state = 'locked' AND until <= ?",
                                    (now,)).fetchall():
            self._end_attempt(row[0], row[4], "lost", "the lease ran out", None)
            self._failed(row, "pilot %s was not heard of within the lease" % row[8])
        self._db.execute("UPDATE tasks INDEXED BY tasks_waiting SET ready = 1, until = NULL"
                         " WHERE state = 'todo' AND ready = 0 AND until <= ?", (now,))

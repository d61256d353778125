"""The rows of a SQLite pool, and the transitions that every part of it makes."""

import json
import random
import time
from typing import Any, Dict, NamedTuple, Optional, Sequence, Tuple

from pilot.pool import sqlite_file

MAX_BACKOFF_S = 600.0
KEEP_REQUESTS_S = 86400.0
# attempts that nobody confirmed and that cost nothing; more of them are a task that kills its
# agents at once
MAX_UNCONFIRMED = 20


class Row(NamedTuple):
    """One task as it is kept."""

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


class Rows(sqlite_file.SQLiteFile):
    """Looks rows up and moves tasks from state to state; the callers hold a writer transaction."""

    def _class_of(self, spec: Dict[str, Any]) -> int:
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

    def _find_row(self, identity: str) -> Optional[Row]:
        found = self._query_rows("SELECT " + TASK + " FROM tasks WHERE id = ?", (identity,))
        return Row._make(found[0]) if found else None

    def _end_attempt(
        self, seq: int, generation: int, outcome: str, reason: str, result: Optional[Dict[str, Any]]
    ) -> None:
        self._db.execute(
            "UPDATE attempts SET ended = ?, outcome = ?, reason = ?, result = ? WHERE task = ? AND generation = ?",
            (time.time(), outcome, reason, json.dumps(result) if result else None, seq, generation),
        )

    def _set_state(self, row: Row, state: str, reason: str, wait_s: float = 0.0) -> None:
        ready = state == "todo" and wait_s <= 0
        until = sqlite_file.monotonic_s() + wait_s if state == "todo" and not ready else None
        self._db.execute(
            "UPDATE tasks SET state = ?, ready = ?, until = ?, pilot = NULL, reason = ? WHERE seq = ?",
            (state, int(ready), until, reason, row.seq),
        )

    def _fail_attempt(self, row: Row, reason: str) -> str:
        state = "error" if row.attempts >= row.max_attempts else "todo"
        self._set_state(row, state, reason, self._wait_s(row.attempts))
        return state

    def _refund_attempt(self, row: Row) -> None:
        self._db.execute(
            "UPDATE tasks SET attempts = max(attempts - 1, 0) WHERE seq = ?", (row.seq,)
        )

    def _give_back(self, row: Row, begun: bool, reason: str) -> str:
        """The attempt is refunded. What was begun is given back at most max_releases times: a task
        that never ends anywhere, or ends its pilots, shall not travel for ever."""
        if begun and row.releases >= row.max_releases:
            told = self._query_rows(
                "SELECT reason FROM attempts WHERE task = ? AND outcome = 'released' ORDER BY generation",
                (row.seq,),
            )
            self._set_state(
                row,
                "error",
                "given back %d times, max_releases is %d: %s"
                % (
                    row.releases + 1,
                    row.max_releases,
                    "; ".join(dict.fromkeys(one[0] or "" for one in told))[:3000],
                ),
            )
            return "error"
        self._refund_attempt(row)
        self._db.execute(
            "UPDATE tasks SET releases = releases + ? WHERE seq = ?", (int(begun), row.seq)
        )
        self._set_state(row, "todo", reason)
        return "todo"

    def _wait_s(self, attempts: int) -> float:
        wait = min(self._backoff_s * 2 ** min(attempts, 20), MAX_BACKOFF_S)
        return float(wait * (1 + 0.1 * random.random()))

    def _confirm_starts(self, keys: Sequence[Tuple[str, int]], pilot: str) -> None:
        """The agent holds these leases and has begun what runs under them."""
        if not keys:
            return
        self._db.executemany(
            "UPDATE tasks SET begun = 1 WHERE id = ? AND generation = ? AND pilot = ? AND state = 'locked'",
            [(identity, generation, pilot) for identity, generation in keys],
        )

    def expire(self) -> None:
        """Once for all the claims of a batch: leases that ran out, waits that are over."""
        with self._write_transaction():
            self._expire_leases()

    def extend_leases(self, seconds: float) -> None:
        """So long nobody could be served: that time does not count for those whose agents could not
        renew."""
        with self._write_transaction():
            self._db.execute(
                "UPDATE tasks SET until = until + ? WHERE state = 'locked'", (seconds,)
            )

    def note_served(self) -> None:
        """This is a moment at which agents can renew."""
        with self._write_transaction():
            self._db.execute(
                "INSERT OR REPLACE INTO meta VALUES ('served', ?)",
                ("%.3f" % sqlite_file.monotonic_s(),),
            )

    def away_s(self) -> float:
        """Seconds since a server last served this pool; 0 when none ever did."""
        found = self._query_rows("SELECT value FROM meta WHERE name = 'served'")
        return max(0.0, sqlite_file.monotonic_s() - float(found[0][0])) if found else 0.0

    def has_leases(self) -> bool:
        """Whether any task is locked."""
        return bool(self._query_rows("SELECT tasks FROM counts WHERE state = 'locked'")[0][0])

    def forget_requests(self) -> None:
        """Answers that nobody will ask for again."""
        with self._write_transaction():
            self._db.execute(
                "DELETE FROM requests WHERE made < ?",
                (sqlite_file.monotonic_s() - KEEP_REQUESTS_S,),
            )

    def touch(self) -> None:
        """Write something: Busy when nothing can be written."""
        with self._write_transaction():
            self._db.execute(
                "INSERT OR REPLACE INTO meta VALUES ('touched', ?)", ("%.6f" % time.time(),)
            )

    def claimable(self) -> int:
        """How many tasks could be claimed now, by somebody."""
        return int(self._query_rows("SELECT coalesce(sum(ready), 0) FROM classes")[0][0])

    def _expire_leases(self) -> None:
        """Leases that ran out are failed attempts, unless nobody ever confirmed them; waits that
        are over make tasks claimable."""
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
            self._end_attempt(row.seq, row.generation, "lost", "the lease ran out", None)
            self._db.execute("UPDATE tasks SET begun = 1 WHERE seq = ?", (row.seq,))
            self._fail_attempt(row, "pilot %s was not heard of within the lease" % row.pilot)
            return
        self._end_attempt(
            row.seq,
            row.generation,
            "lost",
            "the lease ran out; its start was never confirmed",
            None,
        )
        self._refund_attempt(row)
        self._db.execute("UPDATE tasks SET unconfirmed = unconfirmed + 1 WHERE seq = ?", (row.seq,))
        self._set_state(row, "todo", "pilot %s claimed it and was not heard of again" % row.pilot)

"""The pool in a SQLite file, which every agent of one machine opens directly, without a server.

Every transition is one guarded update inside one writer transaction (BEGIN IMMEDIATE), in WAL with
synchronous=FULL: an acknowledged change survives a power loss. The file must be on a local disk.
"""

import time
from typing import TYPE_CHECKING, Dict, Iterable, Iterator, List, Optional, Tuple

from pilot.pool import interface, sqlite_file
from pilot.events.endings import AttemptOutcome, TaskState
from pilot.pool.interface import STALE, Backlog, Demand, Final, Grant, Lease, Offer, Pool, StaleLease
from pilot.pool.spec_text import text_of
from pilot.pool.sqlite_file import SQLiteFile
from pilot.pool.sqlite_line import TaskLine
from pilot.pool.sqlite_requests import ClaimLog
from pilot.pool.sqlite_rows import Row, TaskRows
from pilot.base.shared_defaults import MAX_ATTEMPTS, MAX_RELEASES

if TYPE_CHECKING:
    from pilot.pool.sqlite_operator import SQLiteOperator

GIVEN_BACK = (AttemptOutcome.RELEASED, AttemptOutcome.RETURNED, AttemptOutcome.LOST)


class SQLitePool(Pool):
    """The pool's interface, implemented by that file. The module for operators is loaded on first
    use."""

    def __init__(self, path: str, create: bool = False, backoff_s: Optional[float] = None) -> None:
        self._file = SQLiteFile(path, create, backoff_s)
        self._db = self._file.db
        self._rows = TaskRows(self._file)
        self._line, self._claims = TaskLine(self._db), ClaimLog(self._db)

    def add(self, specs: Iterable[Dict[str, object]]) -> Tuple[int, int]:
        added, known = 0, 0
        with self._file.writing():
            for spec in specs:
                values = (
                    spec["id"],
                    self._rows.class_of(spec),
                    spec.get("priority", 0),
                    spec.get("max_attempts", MAX_ATTEMPTS),
                    spec.get("max_releases", MAX_RELEASES),
                    time.time(),
                    text_of(spec),
                )
                cursor = self._db.execute(
                    "INSERT OR IGNORE INTO tasks (id, class, state, ready, priority, max_attempts, max_releases, added, spec)"
                    " VALUES (?, ?, 'todo', 1, ?, ?, ?, ?, ?)",
                    values,
                )
                added, known = added + cursor.rowcount, known + 1 - cursor.rowcount
        return added, known

    def claim(
        self, pilot: str, offer: Offer, count: int, lease_s: float, request_id: str
    ) -> List[Lease]:
        return self.next((), pilot, offer, count, lease_s, request_id)[1]

    def next(self, finals: Iterable[Final], pilot: str, offer: Offer, count: int, lease_s: float,
             request_id: str, wait_s: float = 0.0, begun: Iterable[Tuple[str, int]] = ()
             ) -> Tuple[Dict[Tuple[str, int], str], List[Lease]]:
        states, grants = self.grant(finals, pilot, offer, count, lease_s, request_id, begun)
        return states, [grant.read_lease() for grant in grants]

    def grant(self, finals: Iterable[Final], pilot: str, offer: Offer, count: int, lease_s: float,
              request_id: str, begun: Iterable[Tuple[str, int]] = ()
              ) -> Tuple[Dict[Tuple[str, int], str], List[Grant]]:
        """The same as `next`, without waiting; the specs stay JSON texts."""
        states = {}
        with self._file.writing():
            self._rows.confirm_starts(list(begun), pilot)
            for final in finals:
                states[(final.task, final.generation)] = self._finish_one(final, pilot)
            grants = self._claim_tasks(pilot, offer, count, lease_s, request_id) if count else []
        return states, grants

    def _claim_tasks(
        self, pilot: str, offer: Offer, count: int, lease_s: float, request_id: str
    ) -> List[Grant]:
        before = self._claims.recall(pilot, request_id)
        if before is not None:
            return self._still_held(pilot, before)
        # the caller that makes a batch expires leases once for all of it
        if not self._file.in_batch:
            self._rows.expire_leases()
        rows = self._line.find_eligible(offer, count)
        grants = [self._lock_task(row, pilot, lease_s) for row in rows]
        self._claims.remember(pilot, request_id, grants)
        return grants

    def _lock_task(self, row: Row, pilot: str, lease_s: float) -> Grant:
        generation, attempt = row.generation + 1, row.attempts + 1
        changed = self._db.execute(
            "UPDATE tasks SET state = 'locked', ready = 0, generation = ?, attempts = ?, until = ?, pilot = ?, reason = NULL, begun = 0,"
            " lease_s = ? WHERE seq = ? AND state = 'todo' AND generation = ?",
            (
                generation,
                attempt,
                sqlite_file.monotonic_s() + lease_s,
                pilot,
                lease_s,
                row.seq,
                row.generation,
            ),
        ).rowcount
        assert changed == 1, "a writer transaction saw task %s change" % row.id
        self._db.execute(
            "INSERT INTO attempts (task, generation, pilot, started) VALUES (?, ?, ?, ?)",
            (row.seq, generation, pilot, time.time()),
        )
        return Grant(row.id, generation, attempt, lease_s, row.spec)

    def _still_held(self, pilot: str, kept: List[Tuple[str, int]]) -> List[Grant]:
        grants = []
        for identity, generation in kept:
            row = self._rows.find_row(identity)
            if row is not None and row.until is not None and _is_held(row, generation, pilot):
                left = max(0.0, row.until - sqlite_file.monotonic_s())
                grants.append(Grant(identity, generation, row.attempts, left, row.spec))
        return grants

    def finish(self, final: Final, pilot: str) -> str:
        with self._file.writing():
            state = self._finish_one(final, pilot)
        if state == STALE:
            raise StaleLease("%s, generation %d" % (final.task, final.generation))
        return state

    def _finish_one(self, final: Final, pilot: str) -> str:
        row = self._rows.find_row(final.task)
        if row is None or not _is_held(row, final.generation, pilot):
            return self._finish_late(row, final, pilot)
        self._rows.end_attempt(row.seq, final.generation, final.outcome, final.reason, final.result)
        return self._state_after(row, final)

    def _state_after(self, row: Row, final: Final) -> str:
        """The new state of a task after the end of an attempt that counts."""
        if final.outcome in GIVEN_BACK:
            return self._rows.give_back(row, final.outcome != AttemptOutcome.RETURNED, final.reason)
        if final.outcome != AttemptOutcome.DONE:
            return self._rows.fail_attempt(row, final.reason)
        self._rows.set_state(row, TaskState.DONE, final.reason)
        return TaskState.DONE

    def _finish_late(self, row: Optional[Row], final: Final, pilot: str) -> str:
        """Accept an end without a lease: returns the same state again if the pool has accepted this
        very end before. If the lease has run out and no pilot has claimed the task since, the end
        is valid, so that no work is lost; else the lease is stale."""
        attempt = (
            row
            and self._db.execute(
                "SELECT outcome FROM attempts WHERE task = ? AND generation = ? AND pilot = ?",
                (row.seq, final.generation, pilot),
            ).fetchone()
        )
        if not row or not attempt:
            return STALE
        if attempt[0] == final.outcome:
            return row.state
        newest = row.generation == final.generation
        if newest and row.pilot == pilot and row.state in (TaskState.TODO, TaskState.HELD):
            self._release_wait(row)
        open_again = row.state in (TaskState.TODO, TaskState.ERROR)
        if not newest or attempt[0] != AttemptOutcome.LOST or not open_again:
            return STALE
        return self._accept_late(row, final)

    def _release_wait(self, row: Row) -> None:
        """The run of a cancelled task has ended: no pilot needs to wait for it."""
        self._db.execute(
            "UPDATE tasks SET pilot = NULL, until = NULL, ready = ? WHERE seq = ?",
            (int(row.state == TaskState.TODO), row.seq),
        )

    def _accept_late(self, row: Row, final: Final) -> str:
        self._rows.end_attempt(row.seq, final.generation, final.outcome, final.reason, final.result)
        if not row.begun:  # its attempt was refunded when the lease ran out
            self._db.execute(
                "UPDATE tasks SET attempts = attempts + 1, begun = 1 WHERE seq = ?", (row.seq,)
            )
            row = row._replace(attempts=row.attempts + 1)
        return self._state_after(row, final)

    def renew(
        self, pilot: str, leases: Iterable[Tuple[str, int]], lease_s: float
    ) -> List[Tuple[str, int]]:
        stale = []
        with self._file.writing():
            for identity, generation in leases:
                changed = self._db.execute(
                    "UPDATE tasks SET until = ?, lease_s = ?, begun = 1 WHERE id = ? AND generation = ?"
                    " AND pilot = ?"
                    " AND state = 'locked'",
                    (sqlite_file.monotonic_s() + lease_s, lease_s, identity, generation, pilot),
                ).rowcount
                if not changed:
                    stale.append((identity, generation))
        return stale

    def release(self, task: str, generation: int, pilot: str, reason: str) -> None:
        self.finish(Final(task, generation, AttemptOutcome.RELEASED, reason, {}), pilot)

    def backlog(self, offer: Offer) -> Backlog:
        with self._file.writing():
            self._rows.expire_leases()
            todo = self._db.execute("SELECT tasks FROM counts WHERE state = 'todo'").fetchone()[0]
            ready = self._line.count_claimable()
            moments = self._line.ends_of_waits(offer)
        return Backlog(
            todo,
            todo - ready,
            max(0.0, min(moments) - sqlite_file.monotonic_s()) if moments else None,
        )

    def demand(self) -> Demand:
        from pilot.pool.sqlite_demand import read_demand  # for operators: no agent needs it

        with self._file.writing():
            self._rows.expire_leases()
            return read_demand(self._db)

    def status(self) -> Dict[str, int]:
        with self._file.writing():
            self._rows.expire_leases()
            counts = dict(self._db.execute("SELECT state, tasks FROM counts"))
        return {state: counts[state] for state in interface.STATES}

    def pending(self) -> Tuple[int, Optional[float]]:
        counts = self.status()
        moments = [
            self._file.query_rows(question)[0][0]
            for question in (
                "SELECT min(until) FROM tasks INDEXED BY tasks_locked WHERE state = 'locked'",
                "SELECT min(until) FROM tasks INDEXED BY tasks_waiting WHERE state = 'todo' AND ready = 0",
            )
        ]
        known = [moment for moment in moments if moment is not None]
        return counts[TaskState.TODO] + counts[TaskState.LOCKED], (
            max(0.0, min(known) - sqlite_file.monotonic_s()) if known else None
        )

    def take_back(self) -> None:
        with self._file.writing():
            self._db.execute("UPDATE tasks SET until = 0 WHERE state = 'locked'")
            self._rows.expire_leases()

    def _operator(self) -> "SQLiteOperator":
        from pilot.pool.sqlite_operator import SQLiteOperator

        return SQLiteOperator(self._file, self._rows)

    def show(self, task: str) -> Optional[Dict[str, object]]:
        return self._operator().show(task)

    def retry(self, tasks: Optional[Iterable[str]]) -> int:
        return self._operator().retry(tasks)

    def cancel(self, tasks: Iterable[str]) -> int:
        return self._operator().cancel(tasks)

    def purge(self, state: str, older_than_s: float, most: int) -> int:
        return self._operator().purge(state, older_than_s, most)

    def export(self, state: Optional[str] = None) -> Iterator[Dict[str, object]]:
        return self._operator().export(state)

    def restore(self, tasks: Iterable[Dict[str, object]]) -> Tuple[int, int]:
        return self._operator().restore(tasks)

    def close(self) -> None:
        self._file.close()


def _is_held(row: Row, generation: int, pilot: str) -> bool:
    return row.state == TaskState.LOCKED and row.generation == generation and row.pilot == pilot

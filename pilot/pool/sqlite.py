"""The pool in a SQLite file, opened directly by every agent of one machine: no server at all.

Every transition is one guarded update inside one writer transaction (BEGIN IMMEDIATE), in WAL with
synchronous=FULL: what was acknowledged survives a power loss. The file must lie on a local disk.
"""

import collections
import itertools
import json
import time
from typing import Any, Dict, Iterable, List, Optional, Set, Tuple

from pilot.pool import interface, sqlite_file
from pilot.pool.interface import Backlog, Final, Lease, Offer, StaleLease
from pilot.pool.sqlite_operator import Operator
from pilot.pool.sqlite_rows import TASK, Row
from pilot.base.shared_defaults import MAX_ATTEMPTS, MAX_RELEASES

MAX_NEWEST = 200000  # pilots whose newest request is remembered
STALE = "stale"
HEAD = 32  # tasks at the head of the line to look at, for each that is wanted
_FITS = "cores <= ? AND memory_mb <= ? AND gpus <= ? AND walltime_s <= ? AND container <= ? AND (walltime_s > 0 OR ?)"


class SQLitePool(Operator, interface.Pool):
    """The pool's promises kept by that file."""

    def __init__(self, path: str, create: bool = False, backoff_s: Optional[float] = None) -> None:
        super().__init__(path, create, backoff_s)
        # each life's newest request
        self._newest: "collections.OrderedDict[Tuple[str, str], int]" = collections.OrderedDict()

    def add(self, specs: Iterable[Dict[str, Any]]) -> Tuple[int, int]:
        added, known = 0, 0
        with self._write_transaction():
            for spec in specs:
                values = (
                    spec["id"],
                    self._class_of(spec),
                    spec.get("priority", 0),
                    spec.get("max_attempts", MAX_ATTEMPTS),
                    spec.get("max_releases", MAX_RELEASES),
                    time.time(),
                    json.dumps(spec),
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
        states = {}
        with self._write_transaction():
            self._confirm_starts(list(begun), pilot)
            for final in finals:
                states[(final.task, final.generation)] = self._finish_one(final, pilot)
            leases = self._claim_tasks(pilot, offer, count, lease_s, request_id) if count else []
        return states, leases

    def _claim_tasks(
        self, pilot: str, offer: Offer, count: int, lease_s: float, request_id: str
    ) -> List[Lease]:
        life, number = split_request_id(request_id)
        kept = self._db.execute(
            "SELECT number, leases FROM requests WHERE pilot = ? AND life = ?", (pilot, life)
        ).fetchone()
        if kept is not None and kept[0] == number:
            return self._still_held(pilot, json.loads(kept[1]))
        if number < self._newest_number(pilot, life, kept):
            return []
        if not self._in_batch:  # who makes a batch expires once
            self._expire_leases()
        leases = [self._lock_task(row, pilot, lease_s) for row in self._find_eligible(offer, count)]
        if leases:  # nothing may be something when it is asked again
            granted = json.dumps([(lease.task, lease.generation) for lease in leases])
            self._db.execute(
                "INSERT OR REPLACE INTO requests VALUES (?, ?, ?, ?, ?)",
                (pilot, life, number, sqlite_file.monotonic_s(), granted),
            )
        else:
            self._remember_request(pilot, life, number)
        return leases

    def is_overtaken(self, pilot: str, request_id: str) -> bool:
        """Whether a later request of the same life of this pilot came before this one: who sent
        this one has given it up."""
        life, number = split_request_id(request_id)
        kept = self._db.execute(
            "SELECT number FROM requests WHERE pilot = ? AND life = ?", (pilot, life)
        ).fetchone()
        return number < self._newest_number(pilot, life, kept)

    def _newest_number(self, pilot: str, life: str, kept: Optional[Tuple[Any, ...]]) -> int:
        return max(self._newest.get((pilot, life), 0), kept[0] if kept else 0)

    def _remember_request(self, pilot: str, life: str, number: int) -> None:
        self._newest[(pilot, life)] = number
        self._newest.move_to_end((pilot, life))
        if len(self._newest) > MAX_NEWEST:
            self._newest.popitem(last=False)

    def _find_eligible(self, offer: Offer, count: int) -> List[Row]:
        """The rows of the foremost tasks that fit: looked for at the head of the line, and if that
        is not enough, class by class."""
        limits, have = _offer_limits(offer), set(offer.tags)
        seqs = self._at_the_head(limits, have, count, 1)
        if len(seqs) < count:
            seqs = self._at_the_head(limits, have, count, HEAD)
        if len(seqs) < count:
            seqs = self._class_by_class(limits, have, count)
        return [
            Row._make(
                self._db.execute("SELECT " + TASK + " FROM tasks WHERE seq = ?", (seq,)).fetchone()
            )
            for seq in seqs
        ]

    def _at_the_head(
        self, limits: Tuple[Any, ...], have: Set[str], count: int, depth: int
    ) -> List[int]:
        """Cheap however many classes there are; `depth` tasks are looked at for each that is
        wanted."""
        found = self._db.execute(
            "SELECT head.seq, tags FROM (SELECT seq, class, priority FROM tasks INDEXED BY tasks_line WHERE ready = 1"
            " ORDER BY priority DESC, seq LIMIT ?) AS head JOIN classes ON classes.class = head.class WHERE "
            + _FITS
            + " ORDER BY head.priority DESC, head.seq",
            (depth * count,) + limits,
        )
        return list(
            itertools.islice(
                (seq for seq, tags in found if not tags or _json_words(tags) <= have), count
            )
        )

    def _class_by_class(self, limits: Tuple[Any, ...], have: Set[str], count: int) -> List[int]:
        """Cheap however many tasks there are that do not fit."""
        classes = self._db.execute(
            "SELECT class, tags FROM classes WHERE ready > 0 AND " + _FITS, limits
        ).fetchall()
        found: List[Any] = []
        for number in (number for number, tags in classes if _json_words(tags) <= have):
            found += self._db.execute(
                "SELECT -priority, seq FROM tasks INDEXED BY tasks_ready WHERE class = ? AND ready = 1"
                " ORDER BY priority DESC, seq LIMIT ?",
                (number, count),
            )
        return [seq for _, seq in sorted(found)[:count]]

    def _lock_task(self, row: Row, pilot: str, lease_s: float) -> Lease:
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
        return Lease(row.id, generation, attempt, lease_s, json.loads(row.spec))

    def _still_held(self, pilot: str, kept: List[Any]) -> List[Lease]:
        leases = []
        for identity, generation in kept:
            row = self._find_row(identity)
            if row is not None and row.until is not None and _is_held(row, generation, pilot):
                left = max(0.0, row.until - sqlite_file.monotonic_s())
                leases.append(Lease(identity, generation, row.attempts, left, json.loads(row.spec)))
        return leases

    def finish(self, final: Final, pilot: str) -> str:
        with self._write_transaction():
            state = self._finish_one(final, pilot)
        if state == STALE:
            raise StaleLease("%s, generation %d" % (final.task, final.generation))
        return state

    def _finish_one(self, final: Final, pilot: str) -> str:
        row = self._find_row(final.task)
        if row is None or not _is_held(row, final.generation, pilot):
            return self._finish_late(row, final, pilot)
        self._end_attempt(row.seq, final.generation, final.outcome, final.reason, final.result)
        return self._state_after(row, final)

    def _state_after(self, row: Row, final: Final) -> str:
        """What an end makes of a task whose attempt is charged."""
        if final.outcome in ("released", "returned", "lost"):
            return self._give_back(row, final.outcome != "returned", final.reason)
        if final.outcome != "done":
            return self._fail_attempt(row, final.reason)
        self._set_state(row, "done", final.reason)
        return "done"

    def _finish_late(self, row: Optional[Row], final: Final, pilot: str) -> str:
        """An end without a lease: the state again if this very end was accepted before; accepted if
        the lease has run out and nobody has claimed the task since, as no work shall be thrown
        away; else the lease is stale."""
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
        if newest and row.pilot == pilot and row.state in ("todo", "held"):
            self._release_wait(row)
        if not newest or attempt[0] != "lost" or row.state not in ("todo", "error"):
            return STALE
        return self._accept_late(row, final)

    def _release_wait(self, row: Row) -> None:
        """The run of a cancelled task has ended: nobody need wait for it."""
        self._db.execute(
            "UPDATE tasks SET pilot = NULL, until = NULL, ready = ? WHERE seq = ?",
            (int(row.state == "todo"), row.seq),
        )

    def _accept_late(self, row: Row, final: Final) -> str:
        self._end_attempt(row.seq, final.generation, final.outcome, final.reason, final.result)
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
        with self._write_transaction():
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
        self.finish(Final(task, generation, "released", reason, {}), pilot)

    def backlog(self, offer: Offer) -> Backlog:
        with self._write_transaction():
            self._expire_leases()
            todo = self._db.execute("SELECT tasks FROM counts WHERE state = 'todo'").fetchone()[0]
            ready = self.claimable()
            found = self._db.execute(
                "SELECT tags, min(until) FROM tasks INDEXED BY tasks_waiting JOIN classes ON classes.class = tasks.class"
                " WHERE state = 'todo' AND tasks.ready = 0 AND " + _FITS + " GROUP BY tasks.class",
                _offer_limits(offer),
            ).fetchall()
        moments = [until for tags, until in found if _json_words(tags) <= set(offer.tags)]
        return Backlog(
            todo,
            todo - ready,
            max(0.0, min(moments) - sqlite_file.monotonic_s()) if moments else None,
        )


def split_request_id(request_id: str) -> Tuple[str, int]:
    """The life and the number of a request id; one that is not LIFE:NUMBER is a life of its own."""
    life, _, number = request_id.rpartition(":")
    return (
        (life, int(number)) if life and number.isdigit() and len(number) < 16 else (request_id, 0)
    )


def _offer_limits(offer: Offer) -> Tuple[Any, ...]:
    big = 1 << 60
    return (
        offer.cores,
        big if offer.memory_mb is None else offer.memory_mb,
        offer.gpus,
        big if offer.time_left_s is None else offer.time_left_s,
        int(offer.containers),
        int(offer.unbounded),
    )


def _is_held(row: Row, generation: int, pilot: str) -> bool:
    return row.state == "locked" and row.generation == generation and row.pilot == pilot


def _json_words(text: str) -> Set[str]:
    return set(filter(None, text.split(",")))

"""The pool in a SQLite file, opened directly by every agent of one machine: no server at all.

Every transition is one guarded update inside one writer transaction (BEGIN IMMEDIATE), in WAL with
synchronous=FULL: what was acknowledged survives a power loss. The file must lie on a local disk.
"""

import itertools
import json
import time
from typing import Any, Dict, Iterable, List, Set, Tuple

from pilot.pool import interface, sqlite_file
from pilot.pool.interface import Final, Lease, Offer, StaleLease
from pilot.pool.sqlite_operator import Operator
from pilot.pool.sqlite_rows import TASK
from pilot.terms import MAX_ATTEMPTS

HEAD = 32  # tasks at the head of the line to look at, for each that is wanted
_FITS = "cores <= ? AND memory_mb <= ? AND gpus <= ? AND walltime_s <= ? AND container <= ?"


class SQLitePool(Operator, interface.Pool):
    """The pool's promises kept by that file."""

    def add(self, specs: Iterable[Dict[str, Any]]) -> Tuple[int, int]:
        added, known = 0, 0
        with self._writing():
            for spec in specs:
                values = (spec["id"], self._class_of(spec), spec.get("priority", 0),
                          spec.get("max_attempts", MAX_ATTEMPTS), time.time(), json.dumps(spec))
                cursor = self._db.execute(
                    "INSERT OR IGNORE INTO tasks (id, class, state, ready, priority, max_attempts, added, spec)"
                    " VALUES (?, ?, 'todo', 1, ?, ?, ?, ?)", values)
                added, known = added + cursor.rowcount, known + 1 - cursor.rowcount
        return added, known

    def claim(self, pilot: str, offer: Offer, count: int, lease_s: float, request_id: str) -> List[Lease]:
        return self.next((), pilot, offer, count, lease_s, request_id)[1]

    def next(self, finals: Iterable[Final], pilot: str, offer: Offer, count: int, lease_s: float,
             request_id: str, wait_s: float = 0.0) -> Tuple[Dict[Tuple[str, int], str], List[Lease]]:
        states = {}
        with self._writing():
            for final in finals:
                try:
                    states[(final.task, final.generation)] = self._finish(final, pilot)
                except StaleLease:
                    states[(final.task, final.generation)] = "stale"
            leases = self._claim(pilot, offer, count, lease_s, request_id) if count else []
        return states, leases

    def _claim(self, pilot: str, offer: Offer, count: int, lease_s: float, request_id: str) -> List[Lease]:
        again = self._db.execute("SELECT leases FROM requests WHERE pilot = ? AND request = ?", (pilot, request_id)).fetchone()
        if again is not None:
            return self._still_held(pilot, json.loads(again[0]))
        if not self._in_batch:  # who makes a batch expires once
            self._expire()
        leases = [self._lock(row, pilot, lease_s) for row in self._eligible(offer, count)]
        if leases:  # nothing may be something when it is asked again
            kept = [(lease.task, lease.generation) for lease in leases]
            self._db.execute("INSERT OR REPLACE INTO requests VALUES (?, ?, ?, ?)",
                             (pilot, request_id, sqlite_file.clock(), json.dumps(kept)))
        return leases

    def _eligible(self, offer: Offer, count: int) -> List[Any]:
        """The rows of the foremost tasks that fit: looked for at the head of the line, and if that is not enough, class by class."""
        big = 1 << 60
        limits = (offer.cores, big if offer.memory_mb is None else offer.memory_mb, offer.gpus,
                  big if offer.time_left_s is None else offer.time_left_s, int(offer.containers))
        have = set(offer.tags)
        seqs = self._at_the_head(limits, have, count)
        if len(seqs) < count:
            seqs = self._class_by_class(limits, have, count)
        return [self._db.execute("SELECT " + TASK + " FROM tasks WHERE seq = ?", (seq,)).fetchone() for seq in seqs]

    def _at_the_head(self, limits: Tuple[Any, ...], have: Set[str], count: int) -> List[int]:
        """Cheap however many classes there are."""
        found = self._db.execute(
            "SELECT head.seq, tags FROM (SELECT seq, class, priority FROM tasks INDEXED BY tasks_line WHERE ready = 1"
            " ORDER BY priority DESC, seq LIMIT ?) AS head JOIN classes ON classes.class = head.class WHERE " + _FITS +
            " ORDER BY head.priority DESC, head.seq", (HEAD * count,) + limits)
        return list(itertools.islice((seq for seq, tags in found if not tags or _words(tags) <= have), count))

    def _class_by_class(self, limits: Tuple[Any, ...], have: Set[str], count: int) -> List[int]:
        """Cheap however many tasks there are that do not fit."""
        classes = self._db.execute("SELECT class, tags FROM classes WHERE ready > 0 AND " + _FITS, limits).fetchall()
        found: List[Any] = []
        for number in (number for number, tags in classes if _words(tags) <= have):
            found += self._db.execute("SELECT -priority, seq FROM tasks INDEXED BY tasks_ready WHERE class = ? AND ready = 1"
                                      " ORDER BY priority DESC, seq LIMIT ?", (number, count))
        return [seq for _, seq in sorted(found)[:count]]

    def _lock(self, row: Any, pilot: str, lease_s: float) -> Lease:
        seq, identity, generation, attempt = row[0], row[1], row[4] + 1, row[5] + 1
        changed = self._db.execute(
            "UPDATE tasks SET state = 'locked', ready = 0, generation = ?, attempts = ?, until = ?, pilot = ?, reason = NULL"
            " WHERE seq = ? AND state = 'todo' AND generation = ?",
            (generation, attempt, sqlite_file.clock() + lease_s, pilot, seq, row[4])).rowcount
        assert changed == 1, "a writer transaction saw task %s change" % identity
        self._db.execute("INSERT INTO attempts (task, generation, pilot, started) VALUES (?, ?, ?, ?)",
                         (seq, generation, pilot, time.time()))
        return Lease(identity, generation, attempt, lease_s, json.loads(row[11]))

    def _still_held(self, pilot: str, kept: List[Any]) -> List[Lease]:
        leases = []
        for identity, generation in kept:
            row = self._row(identity)
            if row is not None and row[2] == "locked" and row[4] == generation and row[8] == pilot:
                leases.append(Lease(identity, generation, row[5], max(0.0, row[7] - sqlite_file.clock()), json.loads(row[11])))
        return leases

    def finish(self, final: Final, pilot: str) -> str:
        with self._writing():
            return self._finish(final, pilot)

    def _finish(self, final: Final, pilot: str) -> str:
        row = self._held_row(final.task, final.generation, pilot)
        if row is None:
            return self._repeated(final, pilot)
        if final.outcome == "released":
            return self._give_back(row, final)
        self._end_attempt(row[0], final.generation, final.outcome, final.reason, final.result)
        if final.outcome != "done":
            return self._failed(row, final.reason)
        self._set(row, "done", final.reason)
        return "done"

    def _repeated(self, final: Final, pilot: str) -> str:
        """The state again if this very end was accepted before; else the lease is stale."""
        row = self._row(final.task)
        outcome = row and self._db.execute("SELECT outcome FROM attempts WHERE task = ? AND generation = ? AND pilot = ?",
                                           (row[0], final.generation, pilot)).fetchone()
        if not outcome or outcome[0] != final.outcome:
            raise StaleLease("%s, generation %d" % (final.task, final.generation))
        return str(row[2])

    def renew(self, pilot: str, leases: Iterable[Tuple[str, int]], lease_s: float) -> List[Tuple[str, int]]:
        stale = []
        with self._writing():
            for identity, generation in leases:
                changed = self._db.execute("UPDATE tasks SET until = ? WHERE id = ? AND generation = ? AND pilot = ? AND state = 'locked'",
                                           (sqlite_file.clock() + lease_s, identity, generation, pilot)).rowcount
                if not changed:
                    stale.append((identity, generation))
        return stale

    def release(self, task: str, generation: int, pilot: str, reason: str) -> None:
        self.finish(Final(task, generation, "released", reason, {}), pilot)

    def _give_back(self, row: Any, final: Final) -> str:
        self._end_attempt(row[0], final.generation, "released", final.reason, None)
        self._db.execute("UPDATE tasks SET attempts = attempts - 1 WHERE seq = ?", (row[0],))
        self._set(row, "todo", final.reason)
        return "todo"


def _words(text: str) -> Set[str]:
    return set(filter(None, text.split(",")))

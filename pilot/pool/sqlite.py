"""The pool in a SQLite file, opened directly by every agent of one machine: no server at all.

Every transition is one guarded update inside one writer transaction (BEGIN IMMEDIATE), in WAL with
synchronous=FULL: what was acknowledged survives a power loss. The file must lie on a local disk.
"""

import json
import random
import time
from typing import Any, Dict, Iterable, Iterator, List, Optional, Set, Tuple

from pilot.pool import interface, sqlite_file
from pilot.pool.interface import Final, Lease, Offer, StaleLease
from pilot.terms import MAX_ATTEMPTS

MAX_BACKOFF_S = 600.0
HEAD = 32  # tasks at the head of the line to look at, for each that is wanted
_TASK = "seq, id, state, priority, generation, attempts, max_attempts, until, pilot, reason, added, spec"
_FITS = "cores <= ? AND memory_mb <= ? AND gpus <= ? AND walltime_s <= ? AND container <= ?"


class SQLitePool(sqlite_file.SQLiteFile, interface.Pool):
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

    def _class_of(self, spec: Dict[str, Any]) -> int:
        needs = (spec.get("cores", 1), spec.get("memory_mb", 0), spec.get("gpus", 0), spec.get("walltime_s", 0.0),
                 ",".join(sorted(set(spec.get("tags", [])))), int("container" in spec))
        self._db.execute("INSERT OR IGNORE INTO classes (cores, memory_mb, gpus, walltime_s, tags, container)"
                         " VALUES (?, ?, ?, ?, ?, ?)", needs)
        row = self._db.execute("SELECT class FROM classes WHERE cores = ? AND memory_mb = ? AND gpus = ? AND walltime_s = ?"
                               " AND tags = ? AND container = ?", needs).fetchone()
        return int(row[0])

    def claim(self, pilot: str, offer: Offer, count: int, lease_s: float, request_id: str) -> List[Lease]:
        return self.next((), pilot, offer, count, lease_s, request_id)[1]

    def next(self, finals: Iterable[Final], pilot: str, offer: Offer, count: int, lease_s: float,
             request_id: str) -> Tuple[Dict[Tuple[str, int], str], List[Lease]]:
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
        self._expire()
        leases = [self._lock(row, pilot, lease_s) for row in self._eligible(offer, count)]
        kept = [(lease.task, lease.generation) for lease in leases]
        self._db.execute("INSERT OR REPLACE INTO requests VALUES (?, ?, ?, ?)", (pilot, request_id, sqlite_file.clock(), json.dumps(kept)))
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
        return [self._db.execute("SELECT " + _TASK + " FROM tasks WHERE seq = ?", (seq,)).fetchone() for seq in seqs]

    def _at_the_head(self, limits: Tuple[Any, ...], have: Set[str], count: int) -> List[int]:
        """Cheap however many classes there are."""
        found = self._db.execute(
            "SELECT head.seq, tags FROM (SELECT seq, class, priority FROM tasks INDEXED BY tasks_line WHERE ready = 1"
            " ORDER BY priority DESC, seq LIMIT ?) AS head JOIN classes ON classes.class = head.class WHERE " + _FITS +
            " ORDER BY head.priority DESC, head.seq", (HEAD * count,) + limits)
        return [seq for seq, tags in found if _words(tags) <= have][:count]

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

    def _row(self, identity: str) -> Any:
        return next(iter(self._rows("SELECT " + _TASK + " FROM tasks WHERE id = ?", (identity,))), None)

    def finish(self, final: Final, pilot: str) -> str:
        with self._writing():
            return self._finish(final, pilot)

    def _finish(self, final: Final, pilot: str) -> str:
        row = self._held_row(final.task, final.generation, pilot)
        if row is None:
            return self._repeated(final, pilot)
        self._end_attempt(row[0], final.generation, final.outcome, final.reason, final.result)
        if final.outcome != "done":
            return self._failed(row, final.reason)
        self._set(row, "done", final.reason)
        return "done"

    def _held_row(self, identity: str, generation: int, pilot: str) -> Any:
        row = self._row(identity)
        held = row is not None and row[2] == "locked" and row[4] == generation and row[8] == pilot
        return row if held else None

    def _repeated(self, final: Final, pilot: str) -> str:
        """The state again if this very end was accepted before; else the lease is stale."""
        row = self._row(final.task)
        outcome = row and self._db.execute("SELECT outcome FROM attempts WHERE task = ? AND generation = ? AND pilot = ?",
                                           (row[0], final.generation, pilot)).fetchone()
        if not outcome or outcome[0] != final.outcome:
            raise StaleLease("%s, generation %d" % (final.task, final.generation))
        return str(row[2])

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

    def _expire(self) -> None:
        """Leases that ran out are failed attempts; waits that are over make tasks claimable."""
        now = sqlite_file.clock()
        for row in self._db.execute("SELECT " + _TASK + " FROM tasks INDEXED BY tasks_locked WHERE state = 'locked' AND until <= ?",
                                    (now,)).fetchall():
            self._end_attempt(row[0], row[4], "lost", "the lease ran out", None)
            self._failed(row, "pilot %s was not heard of within the lease" % row[8])
        self._db.execute("UPDATE tasks INDEXED BY tasks_waiting SET ready = 1, until = NULL"
                         " WHERE state = 'todo' AND ready = 0 AND until <= ?", (now,))

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
        with self._writing():
            row = self._held_row(task, generation, pilot)
            if row is None:
                return self._release_repeated(task, generation, pilot)
            self._end_attempt(row[0], generation, "released", reason, None)
            self._db.execute("UPDATE tasks SET attempts = attempts - 1 WHERE seq = ?", (row[0],))
            self._set(row, "todo", reason)

    def _release_repeated(self, task: str, generation: int, pilot: str) -> None:
        self._repeated(Final(task, generation, "released", "", {}), pilot)

    def status(self) -> Dict[str, int]:
        with self._writing():
            self._expire()
            found = dict(self._db.execute("SELECT state, tasks FROM counts"))
        return {state: found[state] for state in interface.STATES}

    def pending(self) -> Tuple[int, Optional[float]]:
        found = self.status()
        moments = [self._rows(question)[0][0] for question in (
            "SELECT min(until) FROM tasks INDEXED BY tasks_locked WHERE state = 'locked'",
            "SELECT min(until) FROM tasks INDEXED BY tasks_waiting WHERE state = 'todo' AND ready = 0")]
        known = [moment for moment in moments if moment is not None]
        return found["todo"] + found["locked"], max(0.0, min(known) - sqlite_file.clock()) if known else None

    def show(self, task: str) -> Optional[Dict[str, Any]]:
        row = self._row(task)
        return None if row is None else self._told(row)

    def _told(self, row: Any) -> Dict[str, Any]:
        rows = self._rows("SELECT generation, pilot, started, ended, outcome, reason, result FROM attempts"
                          " WHERE task = ? ORDER BY generation", (row[0],))
        names = ("generation", "pilot", "started", "ended", "outcome", "reason", "result")
        attempts = [dict(zip(names, attempt)) for attempt in rows]
        for attempt in attempts:
            attempt["result"] = json.loads(attempt["result"]) if attempt["result"] else None
        left = max(0.0, row[7] - sqlite_file.clock()) if row[7] is not None else None
        return dict(json.loads(row[11]), state=row[2], priority=row[3], generation=row[4], attempts_used=row[5], max_attempts=row[6],
                    seconds_left=left, pilot=row[8], reason=row[9], added=row[10], attempts=attempts)

    def retry(self, tasks: Optional[Iterable[str]]) -> int:
        with self._writing():
            names = [row[0] for row in self._db.execute("SELECT id FROM tasks WHERE state = 'error'")] if tasks is None else tasks
            return sum(self._db.execute(
                "UPDATE tasks SET state = 'todo', ready = 1, attempts = 0, until = NULL, reason = 'sent back by an operator'"
                " WHERE id = ? AND state IN ('error', 'held')", (name,)).rowcount for name in names)

    def cancel(self, tasks: Iterable[str]) -> int:
        count = 0
        with self._writing():
            for name in tasks:
                row = self._row(name)
                if row is None or row[2] not in ("todo", "locked"):
                    continue
                if row[2] == "locked":
                    self._end_attempt(row[0], row[4], "cancelled", "cancelled by an operator", None)
                self._set(row, "held", "cancelled by an operator")
                count += 1
        return count

    def export(self, state: Optional[str] = None) -> Iterator[Dict[str, Any]]:
        last = 0
        while True:
            rows = self._rows("SELECT " + _TASK + " FROM tasks WHERE seq > ? AND (? IS NULL OR state = ?) ORDER BY seq LIMIT 500",
                              (last, state, state))
            for row in rows:
                yield self._told(row)
            if not rows:
                return
            last = rows[-1][0]


def _words(text: str) -> Set[str]:
    return set(filter(None, text.split(",")))

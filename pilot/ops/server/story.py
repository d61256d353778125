"""What every pilot told: its events as they came, and from them its state, its steps and its
payloads' runs.

Kept in a second file beside the pool's, FILE.story: it may be thrown away without losing a task. An
event is known by (pilot, seq): told twice it counts once, told late it does not turn a state back.
"""

import json
import logging
import os
import sqlite3
import time
from contextlib import contextmanager
from typing import Any, Dict, Iterator, List, Tuple

from pilot.pool import sqlite_file
from pilot.pool.interface import Busy
from pilot.events import event as events
from pilot.events.endings import AttemptOutcome, TaskState
from pilot.events.tally import FAILED

TABLES = """
CREATE TABLE IF NOT EXISTS story.events (
    pilot TEXT NOT NULL, seq INTEGER NOT NULL, time TEXT NOT NULL, kind TEXT NOT NULL, body TEXT NOT NULL, received REAL NOT NULL,
    PRIMARY KEY (pilot, seq)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS story.events_received ON events (received);
CREATE TABLE IF NOT EXISTS story.pilots (
    pilot TEXT PRIMARY KEY, site TEXT NOT NULL DEFAULT '', host TEXT NOT NULL DEFAULT '', state TEXT NOT NULL DEFAULT 'running',
    command TEXT NOT NULL DEFAULT '', started REAL NOT NULL, heard REAL NOT NULL, ended REAL, exit_code INTEGER,
    reason TEXT NOT NULL DEFAULT '', version TEXT NOT NULL DEFAULT '', cores INTEGER NOT NULL DEFAULT 1,
    seconds REAL NOT NULL DEFAULT 0, busy_s REAL NOT NULL DEFAULT 0, failed_s REAL NOT NULL DEFAULT 0, setup_s REAL NOT NULL DEFAULT 0,
    done INTEGER NOT NULL DEFAULT 0, failed INTEGER NOT NULL DEFAULT 0, running INTEGER NOT NULL DEFAULT 0,
    last_seq INTEGER NOT NULL DEFAULT 0, bytes INTEGER NOT NULL DEFAULT 0, dropped INTEGER NOT NULL DEFAULT 0,
    pulse TEXT NOT NULL DEFAULT '{}') WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS story.pilots_state ON pilots (state, heard DESC);
CREATE INDEX IF NOT EXISTS story.pilots_site ON pilots (site, heard DESC);
CREATE INDEX IF NOT EXISTS story.pilots_heard ON pilots (heard DESC);
CREATE TABLE IF NOT EXISTS story.steps (
    pilot TEXT NOT NULL, site TEXT NOT NULL, command TEXT NOT NULL, status TEXT NOT NULL, code INTEGER NOT NULL, reason TEXT NOT NULL,
    seconds REAL NOT NULL, ended REAL NOT NULL);
CREATE INDEX IF NOT EXISTS story.steps_ended ON steps (ended);
CREATE TABLE IF NOT EXISTS story.runs (
    pilot TEXT NOT NULL, site TEXT NOT NULL, task TEXT NOT NULL, generation INTEGER NOT NULL, outcome TEXT NOT NULL, reason TEXT NOT NULL,
    seconds REAL NOT NULL, cpu_s REAL NOT NULL, cores INTEGER NOT NULL, ended REAL NOT NULL);
CREATE INDEX IF NOT EXISTS story.runs_ended ON runs (ended);
CREATE TABLE IF NOT EXISTS story.factories (factory TEXT PRIMARY KEY, heard REAL NOT NULL, body TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS story.ticks (
    minute INTEGER PRIMARY KEY, todo INTEGER NOT NULL, locked INTEGER NOT NULL, done INTEGER NOT NULL, error INTEGER NOT NULL,
    held INTEGER NOT NULL, pilots INTEGER NOT NULL);
"""
BUSY_S = 1.0  # what a lock of another's may hold up the loop
SILENT_S = 300.0  # a running pilot that was not heard for so long is called silent
MAX_TEXT = 2000
PILOT_BYTES = 64 << 20  # of one pilot's story
ROW_BYTES = 400  # what an event takes besides its body: its keys, and the rows that are made of it
CHATTER = (events.LOG, events.TASK_USAGE, events.PILOT_HEARTBEAT, events.FACT_FOUND)
log = logging.getLogger("pilot.pool")
AGENTS = ("LaunchAgent", "MultiLaunchAgent")  # what is not set-up


def path_of(pool_path: str) -> str:
    """Where the story of a pool lies."""
    return pool_path + ".story"


def open_story(path: str) -> sqlite3.Connection:
    """A connection to the story's file; made when it is missing, begun anew when it is damaged.
    Busy when it is locked."""
    db = sqlite3.connect(":memory:", timeout=BUSY_S, isolation_level=None)
    try:
        _attach_file(db, path)
    except sqlite3.OperationalError as error:
        db.close()
        raise Busy("%s cannot be opened: %s" % (path, error))
    except sqlite3.DatabaseError as error:
        db.close()
        aside = "%s.damaged-%d" % (path, time.time())
        log.error(
            "%s is damaged (%s): it is put aside as %s, a new one is begun", path, error, aside
        )
        for ending in ("", "-wal", "-shm"):
            if os.path.exists(path + ending):
                os.replace(path + ending, aside + ending)
        return open_story(path)
    return db


def _attach_file(db: sqlite3.Connection, path: str) -> None:
    db.execute("ATTACH DATABASE ? AS story", (path,))
    db.execute("PRAGMA story.journal_mode=WAL")
    db.execute("PRAGMA story.synchronous=FULL")
    for statement in TABLES.split(";\n"):
        if statement.strip():
            db.execute(statement)
    columns = {row[1] for row in db.execute("PRAGMA story.table_info(pilots)")}
    for name in {"bytes", "dropped"} - columns:  # a file of an older server
        db.execute("ALTER TABLE story.pilots ADD COLUMN %s INTEGER NOT NULL DEFAULT 0" % name)


class Story:
    """Takes events in, on a connection of its own: what ails its file does not ail the pool's. All
    but `rows` within `batch`."""

    def __init__(self, path: str, most_bytes: int = PILOT_BYTES) -> None:
        self._db = open_story(path)
        self.most_bytes = most_bytes
        self.taken = 0  # since the start

    @contextmanager
    def batch(self) -> Iterator[None]:
        """One transaction. Raises Busy when the file cannot be written."""
        with sqlite_file.transaction(self._db, "the stories"):
            yield

    def rows(self, question: str, values: Tuple[Any, ...] = ()) -> List[Any]:
        """The answer to a question. Raises Busy."""
        return sqlite_file.query_rows(self._db, "the stories", question, values)

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()

    def tell(self, events: List[Dict[str, Any]]) -> int:
        """Keep these; returns how many were new."""
        now = time.time()
        new = sum(self._take_event(event, now) for event in events)
        self.taken += new
        return new

    def _take_event(self, event: Dict[str, Any], now: float) -> int:
        pilot, seq, kind = event["pilot"], event["seq"], event["event"]
        body = {
            key: value
            for key, value in event.items()
            if key not in ("pilot", "seq", "time", "event")
        }
        if kind == events.FACTORY_STATE:
            self._db.execute(
                "INSERT OR REPLACE INTO story.factories VALUES (?, ?, ?)",
                (pilot, now, json.dumps(body)),
            )
            return 1
        text, moment = json.dumps(body), _as_text(event.get("time"))[:40]
        size = len(text) + ROW_BYTES
        if not self._has_room(pilot, kind, size, now):
            return 0
        fresh = self._db.execute("INSERT OR IGNORE INTO story.events VALUES (?, ?, ?, ?, ?, ?)", (
            pilot, seq, moment, kind, text, now)).rowcount
        if not fresh:
            return 0
        self._db.execute("UPDATE story.pilots SET bytes = bytes + ? WHERE pilot = ?", (size, pilot))
        newest = self._db.execute(
            "UPDATE story.pilots SET heard = ?, last_seq = ? WHERE pilot = ? AND last_seq < ?",
            (now, seq, pilot, seq),
        ).rowcount
        if newest:
            self._set_state(pilot, kind, body, now)
        self._account_event(pilot, kind, body, now)
        return 1

    def _has_room(self, pilot: str, kind: str, size: int, now: float) -> bool:
        """A pilot's story has a bound, lest it push out the others'; what tells how it went has
        twice as much as its log."""
        self._db.execute(
            "INSERT OR IGNORE INTO story.pilots (pilot, started, heard) VALUES (?, ?, ?)",
            (pilot, now, now),
        )
        used = self._db.execute(
            "SELECT bytes FROM story.pilots WHERE pilot = ?", (pilot,)
        ).fetchone()[0]
        if used + size <= (self.most_bytes / 2 if kind in CHATTER else self.most_bytes):
            return True
        self._db.execute(
            "UPDATE story.pilots SET dropped = dropped + 1, heard = ? WHERE pilot = ?", (now, pilot)
        )
        return False

    def _set_state(self, pilot: str, kind: str, body: Dict[str, Any], now: float) -> None:
        """What only the newest event may change."""
        changes: Dict[str, Any] = {}
        if kind == events.COMMAND_STARTED:
            changes = {"command": _as_text(body.get("command")), "state": "running"}
        elif kind == events.PILOT_HEARTBEAT:
            changes = {
                "pulse": json.dumps(body)[:MAX_TEXT] if len(json.dumps(body)) <= MAX_TEXT else "{}"
            }
        elif kind in (events.PILOT_STOPPING, events.PILOT_HOLDING):
            changes = {"state": kind.split()[1]}
        elif kind == events.PILOT_STARTED:  # another life of a pilot whose id was given to it
            changes = {
                "state": "running",
                "command": "",
                "ended": None,
                "exit_code": None,
                "reason": "",
                "running": 0,
            }
        elif kind == events.PILOT_FINISHED:
            changes = {
                "state": "finished",
                "ended": now,
                "exit_code": _as_whole(body.get("exit_code")),
                "seconds": _as_number(body.get("seconds")),
            }
        if changes:
            self._db.execute(
                "UPDATE story.pilots SET %s WHERE pilot = ?"
                % ", ".join(name + " = ?" for name in changes),
                tuple(changes.values()) + (pilot,),
            )

    def _account_event(self, pilot: str, kind: str, body: Dict[str, Any], now: float) -> None:
        """What each event adds, in whatever order they come."""
        if kind == events.PILOT_STARTED:
            self._db.execute(
                "UPDATE story.pilots SET site = ?, host = ?, version = ? WHERE pilot = ?",
                (
                    _as_text(body.get("site")),
                    _as_text(body.get("host")),
                    _as_text(body.get("version")),
                    pilot,
                ),
            )
        elif kind == events.FACT_FOUND and body.get("kind") == "WorkerNode":
            cores = _as_whole(
                (body.get("fact") or {}).get("cores") if isinstance(body.get("fact"), dict) else 1
            )
            self._db.execute(
                "UPDATE story.pilots SET cores = ? WHERE pilot = ?", (max(1, cores), pilot)
            )
        elif kind == events.COMMAND_FINISHED:
            self._account_step(pilot, body, now)
        elif kind == events.TASK_STARTED:
            self._db.execute(
                "UPDATE story.pilots SET running = running + 1 WHERE pilot = ?", (pilot,)
            )
        elif kind == events.TASK_FINISHED:
            self._account_run(pilot, body, now)

    def _account_step(self, pilot: str, body: Dict[str, Any], now: float) -> None:
        command, seconds, code = (
            _as_text(body.get("command")),
            _as_number(body.get("seconds")),
            _as_whole(body.get("exit_code")),
        )
        self._db.execute(
            "INSERT INTO story.steps SELECT pilot, site, ?, ?, ?, ?, ?, ? FROM story.pilots WHERE pilot = ?",
            (
                command,
                _as_text(body.get("status")),
                code,
                _as_text(body.get("reason")),
                seconds,
                now,
                pilot,
            ),
        )
        if command not in AGENTS:
            self._db.execute(
                "UPDATE story.pilots SET setup_s = setup_s + ? WHERE pilot = ?", (seconds, pilot)
            )
        if code:
            self._db.execute("UPDATE story.pilots SET reason = ? WHERE pilot = ? AND reason = ''", (
                "%s: %s" % (command, _as_text(body.get("reason"))), pilot))

    def _account_run(self, pilot: str, body: Dict[str, Any], now: float) -> None:
        if body.get("outcome") == AttemptOutcome.RETURNED:  # it was never begun
            return
        outcome, seconds, cores = (
            _as_text(body.get("outcome")),
            _as_number(body.get("seconds")),
            max(1, _as_whole(body.get("cores") or 1)),
        )
        self._db.execute(
            "INSERT INTO story.runs SELECT pilot, site, ?, ?, ?, ?, ?, ?, ?, ? FROM story.pilots WHERE pilot = ?",
            (
                _as_text(body.get("task")),
                _as_whole(body.get("generation")),
                outcome,
                _as_text(body.get("reason")),
                seconds,
                _as_number(body.get("cpu_s")),
                cores,
                now,
                pilot,
            ),
        )
        done, failed = int(outcome == AttemptOutcome.DONE), int(outcome in FAILED)
        self._db.execute(
            "UPDATE story.pilots SET running = max(0, running - 1), done = done + ?, failed = failed + ?, busy_s = busy_s + ?,"
            " failed_s = failed_s + ? WHERE pilot = ?",
            (done, failed, seconds * cores, 0 if done else seconds * cores, pilot),
        )

    def tick(self, counts: Dict[str, int]) -> None:
        """Once a minute: a point for the curves."""
        pilots = self._db.execute(
            "SELECT count(*) FROM story.pilots WHERE state <> 'finished' AND heard > ?",
            (time.time() - SILENT_S,),
        ).fetchone()[0]
        self._db.execute(
            "INSERT OR REPLACE INTO story.ticks VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                int(time.time() // 60),
                counts[TaskState.TODO],
                counts[TaskState.LOCKED],
                counts[TaskState.DONE],
                counts[TaskState.ERROR],
                counts[TaskState.HELD],
                pilots,
            ),
        )

    def forget(self, before: float, most_bytes: int, batch: int = 2000) -> bool:
        """Let go of what is older than `before` (UNIX seconds), and of the oldest events while the
        file is larger than
        `most_bytes`; at most `batch` rows of each kind at a time. Returns whether there is more to
        forget."""
        used, free, size = (
            self._db.execute("PRAGMA story.%s" % name).fetchone()[0]
            for name in ("page_count", "freelist_count", "page_size")
        )
        limit = time.time() if (used - free) * size > most_bytes else before
        old: List[Tuple[str, int, int]] = self._db.execute(
            "SELECT pilot, seq, length(body) FROM story.events WHERE received < ? ORDER BY received LIMIT ?",
            (limit, batch),
        ).fetchall()
        self._db.executemany("UPDATE story.pilots SET bytes = max(0, bytes - ?) WHERE pilot = ?",
                             [(size + ROW_BYTES, pilot) for pilot, _, size in old])
        self._db.executemany(
            "DELETE FROM story.events WHERE pilot = ? AND seq = ?", [row[:2] for row in old]
        )
        for table, column in (("steps", "ended"), ("runs", "ended")):
            self._db.execute(
                "DELETE FROM story.%s WHERE rowid IN (SELECT rowid FROM story.%s WHERE %s < ? LIMIT ?)"
                % (table, table, column),
                (before, batch),
            )
        self._db.execute(
            "DELETE FROM story.pilots WHERE pilot IN (SELECT pilot FROM story.pilots WHERE heard < ? LIMIT ?)",
            (before, batch),
        )
        self._db.execute("DELETE FROM story.ticks WHERE minute < ?", (before // 60,))
        self._db.execute("DELETE FROM story.factories WHERE heard < ?", (before,))
        return len(old) == batch


def _as_text(value: Any) -> str:
    return (value if isinstance(value, str) else "" if value is None else json.dumps(value))[
        :MAX_TEXT
    ]


def _as_number(value: Any) -> float:
    good = isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < 1e12
    return float(value) if good else 0.0


def _as_whole(value: Any) -> int:
    return (
        value
        if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 1 << 40
        else 0
    )

"""Stores the events of pilots as they arrive. Derives from them the state of each pilot, its steps
and the runs of its payloads.

(pilot, seq) identifies an event. An event that arrives twice counts once. An event that arrives
late does not set an older state.
"""

import json
import time
from contextlib import contextmanager
from typing import Dict, Iterator, List, Sequence, Tuple

from pilot.pool import sqlite_file
from pilot.events import event as events
from pilot.events.endings import AttemptOutcome, TaskState
from pilot.events.tally import FAILED
from pilot.ops.server.event_values import (
    cores_value, float_value, int_value, state_changes, text_value,
)
from pilot.ops.job_events import JOB_ENDED, PILOT_SUBMITTED
from pilot.ops.server.factory_states import FactoryStates
from pilot.ops.server.story_file import open_story

SILENT_S = 300.0  # a running pilot without events for this time appears as silent
PILOT_BYTES = 64 << 20  # limit for the events of one pilot
# size of an event in addition to its body: its keys and the rows that the server derives from it
ROW_BYTES = 400
CHATTER = (events.LOG, events.TASK_USAGE, events.PILOT_HEARTBEAT, events.FACT_FOUND)
AGENTS = ("LaunchAgent", "MultiLaunchAgent")  # all other commands count as set-up


class Story:
    """Writes the stories' file on its own connection, so that a failure of this file does not
    affect the pool's file. The methods that write run inside a `batch`."""

    def __init__(self, path: str, most_bytes: int = PILOT_BYTES) -> None:
        self._db = open_story(path)
        self._factories = FactoryStates(self._db)
        self.most_bytes = most_bytes
        self.taken = 0  # number of events since the start

    @contextmanager
    def batch(self) -> Iterator[None]:
        """Run the block in one transaction. Raises Busy if the file cannot be written."""
        with sqlite_file.transaction(self._db, "the stories"):
            yield

    def query_rows(
        self, question: str, values: Sequence[object] = ()
    ) -> List[Tuple[object, ...]]:
        """Return the rows that a query selects. Raises Busy."""
        return sqlite_file.query_rows(self._db, "the stories", question, values)

    def count_unfinished(self) -> Dict[str, int]:
        """Return how many unfinished pilots sent an event in the last SILENT_S, by state. Raises
        Busy."""
        rows: List[Tuple[str, int]] = sqlite_file.query_rows(
            self._db,
            "the stories",
            "SELECT state, count(*) FROM story.pilots WHERE state <> 'finished' AND heard > ?"
            " GROUP BY state",
            (time.time() - SILENT_S,),
        )
        return dict(rows)

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def add_events(self, events: List[Dict[str, object]]) -> int:
        """Store these events. Return how many of them were new."""
        now = time.time()
        new = sum(self._add_event(event, now) for event in events)
        self.taken += new
        return new

    def _add_event(self, event: Dict[str, object], now: float) -> int:
        pilot, kind = str(event["pilot"]), str(event["event"])
        seq = event["seq"]
        body = {
            key: value
            for key, value in event.items()
            if key not in ("pilot", "seq", "time", "event")
        }
        if kind == events.FACTORY_STATE:
            return self._factories.store(pilot, dict(body, seq=seq), now)
        text, moment = json.dumps(body), text_value(event.get("time"))[:40]
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

    def list_factories(self) -> List[Tuple[str, Dict[str, object]]]:
        """Return name and newest state of the factories that have reported, by name."""
        return self._factories.list_states()

    def _has_room(self, pilot: str, kind: str, size: int, now: float) -> bool:
        """Check the limit for the events of one pilot, so that they do not displace the events of
        others. Log lines, measurements, heartbeats and facts may use half of the limit."""
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

    def _set_state(self, pilot: str, kind: str, body: Dict[str, object], now: float) -> None:
        """Update the state of a pilot. The caller passes only the pilot's newest event."""
        changes = state_changes(kind, body, now)
        if changes:
            self._db.execute(
                "UPDATE story.pilots SET %s WHERE pilot = ?"
                % ", ".join(name + " = ?" for name in changes),
                tuple(changes.values()) + (pilot,),
            )

    def _account_event(self, pilot: str, kind: str, body: Dict[str, object], now: float) -> None:
        """Update the totals that each event changes. The order of events does not matter."""
        if kind == events.PILOT_STARTED:
            self._db.execute(
                "UPDATE story.pilots SET site = ?, host = ?, version = ? WHERE pilot = ?",
                (
                    text_value(body.get("site")),
                    text_value(body.get("host")),
                    text_value(body.get("version")),
                    pilot,
                ),
            )
        elif kind == events.FACT_FOUND and body.get("kind") == "WorkerNode":
            self._db.execute(
                "UPDATE story.pilots SET cores = ? WHERE pilot = ?", (cores_value(body), pilot)
            )
        elif kind == events.COMMAND_FINISHED:
            self._account_step(pilot, body, now)
        elif kind == events.TASK_STARTED:
            self._db.execute(
                "UPDATE story.pilots SET running = running + 1,"
                " state = CASE state WHEN 'idle' THEN 'running' ELSE state END WHERE pilot = ?",
                (pilot,),
            )
        elif kind == events.TASK_FINISHED:
            self._account_run(pilot, body, now)
        elif kind == PILOT_SUBMITTED:
            self._db.execute(
                "UPDATE story.pilots SET site = ? WHERE pilot = ? AND site = ''",
                (text_value(body.get("site")), pilot),
            )
        elif kind == JOB_ENDED:
            self._account_job(pilot, body, now)

    def _account_job(self, pilot: str, body: Dict[str, object], now: float) -> None:
        """The end of a pilot's job. What the pilot itself said about its end stays."""
        code, state = body.get("exit_code"), text_value(body.get("state"))
        reason = "the job ended (%s): %s" % (state, text_value(body.get("reason")) or "no reason given")
        self._db.execute(
            "UPDATE story.pilots SET state = 'finished', ended = ?, exit_code = ?, running = 0,"
            " reason = CASE WHEN reason = '' THEN ? ELSE reason END"
            " WHERE pilot = ? AND state <> 'finished'",
            (now, None if code is None else int_value(code), "" if state == "ok" else reason, pilot),
        )

    def _account_step(self, pilot: str, body: Dict[str, object], now: float) -> None:
        command, seconds, code = (
            text_value(body.get("command")),
            float_value(body.get("seconds")),
            int_value(body.get("exit_code")),
        )
        self._db.execute(
            "INSERT INTO story.steps SELECT pilot, site, ?, ?, ?, ?, ?, ? FROM story.pilots WHERE pilot = ?",
            (
                command,
                text_value(body.get("status")),
                code,
                text_value(body.get("reason")),
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
                "%s: %s" % (command, text_value(body.get("reason"))), pilot))

    def _account_run(self, pilot: str, body: Dict[str, object], now: float) -> None:
        if body.get("outcome") == AttemptOutcome.RETURNED:  # the payload never started
            return
        outcome, seconds, cores = (
            text_value(body.get("outcome")),
            float_value(body.get("seconds")),
            max(1, int_value(body.get("cores") or 1)),
        )
        self._db.execute(
            "INSERT INTO story.runs SELECT pilot, site, ?, ?, ?, ?, ?, ?, ?, ? FROM story.pilots WHERE pilot = ?",
            (
                text_value(body.get("task")),
                int_value(body.get("generation")),
                outcome,
                text_value(body.get("reason")),
                seconds,
                float_value(body.get("cpu_s")),
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

    def record_tick(self, counts: Dict[str, int]) -> None:
        """Runs once a minute: add a point to the curves."""
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

    def forget_old(self, before: float, most_bytes: int, batch: int = 2000) -> bool:
        """Delete data older than `before` (UNIX seconds), and the oldest events while the file is
        larger than `most_bytes`. Delete at most `batch` rows of each kind. Return whether there is
        more to delete."""
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
        for table in ("ticks", "levels"):
            self._db.execute("DELETE FROM story.%s WHERE minute < ?" % table, (before // 60,))
        self._db.execute("DELETE FROM story.factories WHERE heard < ?", (before,))
        return len(old) == batch

"""Answers about pilots from a snapshot of their story, on a connection and in a thread of its own:
the writer never waits."""

import json
import sqlite3
import time
from typing import Any, Dict, List, Optional, Sequence, Tuple

from pilot.events import event as events
from pilot.pool.interface import STATES
from pilot.ops.server import statistics
from pilot.ops.server.story import SILENT_S
from pilot.pool.sqlite_operator import tell_task
from pilot.pool.sqlite_rows import TASK, Row

SHOWN = (
    "pilot",
    "site",
    "host",
    "state",
    "command",
    "started",
    "heard",
    "ended",
    "exit_code",
    "reason",
    "version",
    "cores",
    "seconds",
    "busy_s",
    "failed_s",
    "setup_s",
    "done",
    "failed",
    "running",
)
_SHOWN_STATE = (
    "CASE WHEN state = 'finished' AND exit_code > 0 THEN 'failed' WHEN state <> 'finished' AND heard < ? THEN 'silent'"
    " ELSE state END"
)
MAX_ROWS = 200000
MOST_REASONS = 20
NO_MILESTONES = (
    events.LOG,
    events.PILOT_HEARTBEAT,
    events.FACT_FOUND,
    events.TASK_USAGE,
    events.TASK_CLAIMED,
)
MAX_ANSWER = 4 << 20


class Reader:
    """Opened for reading only; not for several threads at once."""

    def __init__(self, pool_path: str, story_path: str) -> None:
        self._db = sqlite3.connect(
            "file:%s?mode=ro"
            % pool_path.replace("%", "%25").replace("?", "%3f").replace("#", "%23"),
            uri=True,
            check_same_thread=False,
            timeout=10,
        )
        self._db.execute("ATTACH DATABASE ? AS story", (story_path,))
        self._db.execute("PRAGMA query_only=1")

    def close(self) -> None:
        """Let go of the files."""
        self._db.close()

    def tasks(
        self, after: Optional[str], limit: int, state: Optional[str]
    ) -> Tuple[List[Dict[str, Any]], bool]:
        """Up to `limit` tasks (of a state) as `show` gives them, those added after the one named,
        no more than fit into an answer; and whether there may be more. KeyError when there is none
        of that name."""
        def rows(question: str, values: Sequence[object]) -> List[Any]:
            return self._db.execute(question, values).fetchall()

        last = 0
        if after is not None:
            found = rows("SELECT seq FROM tasks WHERE id = ?", (after,))
            if not found:
                raise KeyError(after)
            last = found[0][0]
        told: List[Dict[str, Any]] = []
        size = 0
        for values in rows(
            "SELECT "
            + TASK
            + " FROM tasks WHERE seq > ? AND (? IS NULL OR state = ?) ORDER BY seq LIMIT ?",
            (last, state, state, limit),
        ):
            told.append(tell_task(rows, Row(*values)))
            size += len(json.dumps(told[-1]))
            if size > MAX_ANSWER:
                return told, True
        return told, len(told) == limit

    def overview(self, since: float) -> Dict[str, Any]:
        """What an administrator looks at first."""
        counts = dict(self._db.execute("SELECT state, tasks FROM counts"))
        now = time.time()
        pilots = {
            state: count
            for state, count in self._db.execute(
                "SELECT "
                + _SHOWN_STATE
                + " AS shown, count(*) FROM story.pilots WHERE heard > ? GROUP BY shown",
                (now - SILENT_S, since),
            )
        }
        return {
            "tasks": {state: counts.get(state, 0) for state in STATES},
            "pilots": pilots,
            "ticks": self._read_ticks(since),
            "failures": self._count_failures(since),
            "task_failures": self._task_failures(since),
            "time": now,
        }

    def _read_ticks(self, since: float) -> List[List[int]]:
        rows = self._db.execute(
            "SELECT minute, todo, locked, done, error, held, pilots FROM story.ticks WHERE minute >= ? ORDER BY minute",
            (int(since // 60),),
        ).fetchall()
        step = max(1, len(rows) // 300)
        return [list(row) for row in rows[::step]]

    def _count_failures(self, since: float) -> List[Dict[str, Any]]:
        rows = self._db.execute(
            "SELECT command, reason, count(*), max(ended), count(DISTINCT site), max(site)"
            " FROM story.steps WHERE ended > ? AND code <> 0 GROUP BY command, reason"
            " ORDER BY count(*) DESC LIMIT ?",
            (since, MOST_REASONS),
        )
        return [
            dict(zip(("command", "reason", "count", "last", "sites", "site"), row)) for row in rows
        ]

    def _task_failures(self, since: float) -> List[Dict[str, Any]]:
        rows = self._db.execute(
            "SELECT reason, count(*), max(ended), max(task) FROM story.runs"
            " WHERE ended > ? AND outcome IN ('error', 'retried', 'lost') GROUP BY reason"
            " ORDER BY count(*) DESC LIMIT ?",
            (since, MOST_REASONS),
        )
        return [dict(zip(("reason", "count", "last", "task"), row)) for row in rows]

    def pilots(self, wanted: Dict[str, str], after: Optional[str], limit: int) -> Dict[str, Any]:
        """Pilots of a site, state or command, the last heard first. `after`: "HEARD PILOT" of the
        last one seen."""
        where, values = ["1"], []  # type: List[str], List[Any]
        for column in ("site", "command"):
            if column in wanted:
                where.append(column + " = ?")
                values.append(wanted[column])
        if "state" in wanted:
            where.append(_SHOWN_STATE + " = ?")
            values += [time.time() - SILENT_S, wanted["state"]]
        heard, _, name = (after or "").partition(" ")
        if name:
            where.append("(heard < ? OR heard = ? AND pilot > ?)")
            values += [_parse_float(heard), _parse_float(heard), name]
        rows = self._db.execute(
            "SELECT %s FROM story.pilots WHERE %s ORDER BY heard DESC, pilot LIMIT ?"
            % (", ".join(SHOWN), " AND ".join(where)),
            values + [limit],
        ).fetchall()
        found = [self._show_pilot(row) for row in rows]
        last = (
            "%r %s" % (rows[-1][SHOWN.index("heard")], found[-1]["pilot"])
            if len(found) == limit
            else None
        )
        return {"pilots": found, "next": last}

    def _show_pilot(self, row: Any) -> Dict[str, Any]:
        told = dict(zip(SHOWN, row))
        if told["state"] == "finished" and told["exit_code"]:
            told["state"] = "failed"
        if told["state"] not in ("finished", "failed") and told["heard"] < time.time() - SILENT_S:
            told["state"] = "silent"
        return told

    def pilot(self, name: str) -> Optional[Dict[str, Any]]:
        """One pilot with its timeline, facts and last payloads."""
        row = self._db.execute(
            "SELECT %s FROM story.pilots WHERE pilot = ?" % ", ".join(SHOWN), (name,)
        ).fetchone()
        if row is None:
            return None
        told = self._show_pilot(row)
        told["pulse"] = json.loads(
            self._db.execute("SELECT pulse FROM story.pilots WHERE pilot = ?", (name,)).fetchone()[
                0
            ]
        )
        no_milestones = "pilot = ? AND kind NOT IN (%s)" % ", ".join("?" * len(NO_MILESTONES))
        told["timeline"] = self._read_events(no_milestones, (name,) + NO_MILESTONES, 3000)
        told["facts"] = self._read_events("pilot = ? AND kind = ?", (name, events.FACT_FOUND), 100)
        return told

    def events(
        self, name: str, after: int, limit: int, kind: Optional[str]
    ) -> List[Dict[str, Any]]:
        """Events of a pilot after this seq, in order."""
        return self._read_events(
            "pilot = ? AND seq > ? AND (? IS NULL OR kind = ?)", (name, after, kind, kind), limit
        )

    def _read_events(self, where: str, values: Tuple[Any, ...], limit: int) -> List[Dict[str, Any]]:
        """In order, no more than fit into an answer."""
        found, size = [], 0  # type: List[Dict[str, Any]], int
        question = (
            "SELECT seq, time, kind, body FROM story.events WHERE %s ORDER BY seq LIMIT ?" % where
        )
        for row in self._db.execute(question, values + (limit,)):
            size += len(row[3])
            if found and size > MAX_ANSWER:
                break
            found.append(self._read_event(row))
        return found

    def _read_event(self, row: Any) -> Dict[str, Any]:
        return dict(json.loads(row[3]), seq=row[0], time=row[1], event=row[2])

    def sites(self, since: float) -> List[Dict[str, Any]]:
        """Each site with its pilots by state and its tasks."""
        now, found = time.time(), {}  # type: float, Dict[str, Dict[str, Any]]
        for site, state, count, done, failed in self._db.execute(
                "SELECT site, " + _SHOWN_STATE + " AS shown, count(*), sum(done), sum(failed)"
                " FROM story.pilots WHERE heard > ? GROUP BY site, shown", (now - SILENT_S, since)):
            one = found.setdefault(site, {"site": site, "pilots": {}, "done": 0, "failed": 0})
            one["pilots"][state] = count
            one["done"], one["failed"] = one["done"] + done, one["failed"] + failed
        return [found[site] for site in sorted(found)]

    def factories(self) -> List[Dict[str, Any]]:
        """The newest state that each factory told."""
        return [
            dict(json.loads(body), factory=name, heard=heard)
            for name, heard, body in self._db.execute(
                "SELECT factory, heard, body FROM story.factories ORDER BY factory LIMIT 200"
            )
        ]

    def statistics(self, since: float) -> Dict[str, Any]:
        """How often, how often ok, how long, why not: of each command and site; and what was
        wasted."""
        steps = self._db.execute(
            "SELECT command, site, status, reason, seconds FROM story.steps WHERE ended > ?"
            " ORDER BY ended DESC LIMIT ?",
            (since, MAX_ROWS),
        ).fetchall()
        pilots = self._db.execute(
            "SELECT site, cores, seconds, busy_s, failed_s, setup_s FROM story.pilots"
            " WHERE state = 'finished' AND ended > ?",
            (since,),
        ).fetchall()
        return {
            "commands": statistics.by_command(steps),
            "waste": statistics.wasted_hours(pilots),
            "cut": len(steps) == MAX_ROWS,
        }


def _parse_float(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0

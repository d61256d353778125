"""Answers requests about pilots and tasks from a snapshot. It has its own connection and its own
thread, so that the writer never waits."""

import json
import sqlite3
import time
from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Tuple

from pilot.events import event as events
from pilot.pool.interface import STATES
from pilot.ops.server import statistics
from pilot.ops.server.factory_states import FactoryStates
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
    "CASE WHEN state = 'finished' AND coalesce(exit_code, 1) > 0 THEN 'failed'"
    " WHEN state NOT IN ('finished', 'submitted') AND heard < ? THEN 'silent'"
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


class _Site(NamedTuple):
    pilots: Dict[str, int]  # number of pilots by state
    done: int
    failed: int


class Reader:
    """A read-only connection to the pool's file and the stories' file. Only one thread may use it
    at a time."""

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
        """Close the files."""
        self._db.close()

    def list_tasks(
        self, after: Optional[str], limit: int, state: Optional[str]
    ) -> Tuple[List[Dict[str, object]], bool]:
        """Return up to `limit` tasks (of a state) in the form of `show` that were added after the
        task `after`, at most as many as fit into an answer. Also return whether there may be more.
        KeyError if there is no task `after`."""
        # with the signature that `tell_task` expects
        def rows(question: str, values: Sequence[object]) -> List[Any]:
            return self._db.execute(question, values).fetchall()

        last = 0
        if after is not None:
            named = rows("SELECT seq FROM tasks WHERE id = ?", (after,))
            if not named:
                raise KeyError(after)
            last = named[0][0]
        tasks: List[Dict[str, object]] = []
        size = 0
        for values in rows(
            "SELECT "
            + TASK
            + " FROM tasks WHERE seq > ? AND (? IS NULL OR state = ?) ORDER BY seq LIMIT ?",
            (last, state, state, limit),
        ):
            tasks.append(tell_task(rows, Row(*values)))
            size += len(json.dumps(tasks[-1]))
            if size > MAX_ANSWER:
                return tasks, True
        return tasks, len(tasks) == limit

    def read_overview(self, since: float) -> Dict[str, object]:
        """Return counts, curves and failures since this time (UNIX seconds)."""
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
            "task_failures": self._count_task_failures(since),
            "time": now,
        }

    def _read_ticks(self, since: float) -> List[List[int]]:
        rows = self._db.execute(
            "SELECT minute, todo, locked, done, error, held, pilots FROM story.ticks WHERE minute >= ? ORDER BY minute",
            (int(since // 60),),
        ).fetchall()
        step = max(1, len(rows) // 300)
        return [list(row) for row in rows[::step]]

    def _count_failures(self, since: float) -> List[Dict[str, object]]:
        rows = self._db.execute(
            "SELECT command, reason, count(*), max(ended), count(DISTINCT site), max(site)"
            " FROM story.steps WHERE ended > ? AND code <> 0 GROUP BY command, reason"
            " ORDER BY count(*) DESC LIMIT ?",
            (since, MOST_REASONS),
        )
        return [
            dict(zip(("command", "reason", "count", "last", "sites", "site"), row)) for row in rows
        ]

    def _count_task_failures(self, since: float) -> List[Dict[str, object]]:
        rows = self._db.execute(
            "SELECT reason, count(*), max(ended), max(task) FROM story.runs"
            " WHERE ended > ? AND outcome IN ('error', 'retried', 'lost') GROUP BY reason"
            " ORDER BY count(*) DESC LIMIT ?",
            (since, MOST_REASONS),
        )
        return [dict(zip(("reason", "count", "last", "task"), row)) for row in rows]

    def list_pilots(self, wanted: Dict[str, str], after: Optional[str], limit: int) -> Dict[str, object]:
        """Return the pilots of a site, state or command, those with the newest events first.
        `after` is "HEARD PILOT" of the last pilot that the caller received."""
        where: List[str] = ["1"]
        values: List[object] = []
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
        pilots = [self._describe_pilot(row) for row in rows]
        last = (
            "%r %s" % (rows[-1][SHOWN.index("heard")], pilots[-1]["pilot"])
            if len(pilots) == limit
            else None
        )
        return {"pilots": pilots, "next": last}

    def _describe_pilot(self, row: Tuple[object, ...]) -> Dict[str, object]:
        pilot = dict(zip(SHOWN, row))
        heard = pilot["heard"]
        if pilot["state"] == "finished":
            pilot["state"] = "finished" if pilot["exit_code"] == 0 else "failed"
        elif pilot["state"] != "submitted" and isinstance(heard, (int, float)) and heard < time.time() - SILENT_S:
            pilot["state"] = "silent"
        return pilot

    def list_heard(self, pilots: Sequence[str], since: float) -> List[str]:
        """Return those of the pilots that have not ended and sent an event since this time."""
        found = []
        for pilot in pilots:
            rows = self._db.execute(
                "SELECT 1 FROM story.pilots WHERE pilot = ? AND state NOT IN ('finished', 'submitted')"
                " AND heard > ?",
                (pilot, since),
            ).fetchall()
            found += [pilot] if rows else []
        return found

    def read_pilot(self, name: str) -> Optional[Dict[str, object]]:
        """Return one pilot with its timeline, its facts and its last payloads."""
        row = self._db.execute(
            "SELECT %s FROM story.pilots WHERE pilot = ?" % ", ".join(SHOWN), (name,)
        ).fetchone()
        if row is None:
            return None
        pilot = self._describe_pilot(row)
        pulse = self._db.execute("SELECT pulse FROM story.pilots WHERE pilot = ?", (name,))
        pilot["pulse"] = json.loads(pulse.fetchone()[0])
        milestones = "pilot = ? AND kind NOT IN (%s)" % ", ".join("?" * len(NO_MILESTONES))
        pilot["timeline"] = self._read_events(milestones, (name,) + NO_MILESTONES, 3000)
        pilot["facts"] = self._read_events("pilot = ? AND kind = ?", (name, events.FACT_FOUND), 100)
        return pilot

    def list_events(
        self, name: str, after: int, limit: int, kind: Optional[str]
    ) -> List[Dict[str, object]]:
        """Return the events of a pilot after this seq, in order."""
        return self._read_events(
            "pilot = ? AND seq > ? AND (? IS NULL OR kind = ?)", (name, after, kind, kind), limit
        )

    def _read_events(
        self, where: str, values: Tuple[object, ...], limit: int
    ) -> List[Dict[str, object]]:
        """Return the events in order, at most as many as fit into an answer."""
        selected: List[Dict[str, object]] = []
        size = 0
        question = (
            "SELECT seq, time, kind, body FROM story.events WHERE %s ORDER BY seq LIMIT ?" % where
        )
        for seq, moment, kind, body in self._db.execute(question, values + (limit,)):
            size += len(body)
            if selected and size > MAX_ANSWER:
                break
            selected.append(dict(json.loads(body), seq=seq, time=moment, event=kind))
        return selected

    def list_sites(self, since: float) -> List[Dict[str, object]]:
        """Return each site with its pilots by state and its tasks."""
        now = time.time()
        sites: Dict[str, _Site] = {}
        for site, state, count, done, failed in self._db.execute(
                "SELECT site, " + _SHOWN_STATE + " AS shown, count(*), sum(done), sum(failed)"
                " FROM story.pilots WHERE heard > ? GROUP BY site, shown", (now - SILENT_S, since)):
            before = sites.get(site, _Site({}, 0, 0))
            before.pilots[state] = count
            sites[site] = _Site(before.pilots, before.done + done, before.failed + failed)
        return [dict(sites[site]._asdict(), site=site) for site in sorted(sites)]

    def list_factories(self, since: float) -> List[Dict[str, object]]:
        """Return the newest state of each factory, with the curves of its sites since this time."""
        return FactoryStates(self._db).list_with_curves(since)

    def read_statistics(self, since: float) -> Dict[str, object]:
        """Return the runs, successes, durations and failure reasons for each command and site, and
        the wasted core hours."""
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

"""The newest state of each factory, and the curves of its sites, in the stories' file."""

import json
import sqlite3
from typing import Dict, List, Tuple

from pilot.ops.server.event_values import level_of, text_value

MAX_SITES = 1000  # of a factory: so many have curves
MAX_POINTS = 200000  # of one answer


class FactoryStates:
    """The tables for factories. The methods that write run inside a transaction of the caller."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def store(self, factory: str, body: Dict[str, object], now: float) -> int:
        """Store the state of a factory and a point of its sites' curves. A late state does not
        replace a newer one. Return how many states were stored."""
        row = self._db.execute(
            "SELECT body FROM story.factories WHERE factory = ?", (factory,)
        ).fetchone()
        if row and _sequence_of(json.loads(row[0])) >= _sequence_of(body):
            return 0
        self._db.execute(
            "INSERT OR REPLACE INTO story.factories VALUES (?, ?, ?)",
            (factory, now, json.dumps(body)),
        )
        sites = body.get("sites")
        for site in sites[:MAX_SITES] if isinstance(sites, list) else ():
            if isinstance(site, dict):
                self._db.execute(
                    "INSERT OR REPLACE INTO story.levels VALUES (?, ?, ?, ?, ?, ?)",
                    (factory, text_value(site.get("site"))[:100], int(now // 60)) + level_of(site),
                )
        return 1

    def list_states(self) -> List[Tuple[str, Dict[str, object]]]:
        """Return name and newest state of the factories that have reported, by name."""
        return [(name, body) for name, _, body in self._read_states()]

    def list_with_curves(self, since: float) -> List[Dict[str, object]]:
        """Return the newest state of each factory, and for each of its sites the curve since this
        time (UNIX seconds), thinned to some 300 points: [minute, demand, pending, running]."""
        return [
            dict(body, factory=name, heard=heard, curves=self._read_curves(name, since))
            for name, heard, body in self._read_states()
        ]

    def _read_states(self) -> List[Tuple[str, float, Dict[str, object]]]:
        rows = self._db.execute(
            "SELECT factory, heard, body FROM story.factories ORDER BY factory LIMIT 200"
        ).fetchall()
        return [(name, heard, json.loads(body)) for name, heard, body in rows]

    def _read_curves(self, factory: str, since: float) -> Dict[str, List[List[object]]]:
        curves: Dict[str, List[List[object]]] = {}
        for site, *point in self._db.execute(
            "SELECT site, minute, demand, pending, running FROM story.levels"
            " WHERE factory = ? AND minute >= ? ORDER BY site, minute LIMIT ?",
            (factory, int(since // 60), MAX_POINTS),
        ):
            curves.setdefault(site, []).append(point)
        return {site: points[:: max(1, len(points) // 300)] for site, points in curves.items()}


def _sequence_of(body: Dict[str, object]) -> float:
    seq = body.get("seq")
    return float(seq) if isinstance(seq, (int, float)) else 0.0

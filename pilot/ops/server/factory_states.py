"""The newest state of each factory, and the curves of its sites, in the stories' file."""

import json
import sqlite3
from typing import Dict, List, Tuple

from pilot.ops.server.event_values import level_of, text_value

MAX_SITES = 1000  # of a factory: so many have curves


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

    def list(self) -> List[Tuple[str, Dict[str, object]]]:
        """Return name and newest state of the factories that have reported, by name."""
        rows = self._db.execute(
            "SELECT factory, body FROM story.factories ORDER BY factory LIMIT 200"
        ).fetchall()
        return [(name, json.loads(body)) for name, body in rows]


def _sequence_of(body: Dict[str, object]) -> float:
    seq = body.get("seq")
    return float(seq) if isinstance(seq, (int, float)) else 0.0

"""What the tasks of a SQLite pool need. Every query uses a partial index: its cost does not grow with
the tasks that are over."""

import sqlite3
from typing import Dict, List, Tuple

from pilot.pool.interface import Demand, Need

_COUNT = (
    "SELECT class, count(*) FROM tasks INDEXED BY %s WHERE state = '%s' %s GROUP BY class"
)


def read_demand(db: sqlite3.Connection) -> Demand:
    """The needs of the tasks that are not over, and the cores in use by pilot."""
    waiting = dict(db.execute(_COUNT % ("tasks_waiting", "todo", "AND ready = 0")))
    locked = dict(db.execute(_COUNT % ("tasks_locked", "locked", "")))
    needs: List[Need] = []
    for row in db.execute(
        "SELECT class, cores, memory_mb, gpus, walltime_s, tags, container, ready FROM classes"
        " ORDER BY class"
    ):
        number, tags = row[0], tuple(str(row[5]).split(",")) if row[5] else ()
        counts = (row[7], waiting.get(number, 0), locked.get(number, 0))
        if any(counts):
            needs.append(Need(row[1], row[2], row[3], row[4], tags, bool(row[6]), *counts))
    return Demand(needs, _count_cores(db))


def _count_cores(db: sqlite3.Connection) -> Dict[str, int]:
    rows: List[Tuple[str, int]] = db.execute(
        "SELECT pilot, sum(cores) FROM tasks INDEXED BY tasks_locked JOIN classes"
        " ON classes.class = tasks.class WHERE state = 'locked' GROUP BY pilot"
    ).fetchall()
    return dict(rows)

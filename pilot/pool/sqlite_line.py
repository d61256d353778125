"""The claimable tasks of a SQLite pool in order, and those of them that fit an offer."""

import itertools
import sqlite3
from typing import Any, List, Set, Tuple

from pilot.pool.interface import Offer
from pilot.pool.sqlite_rows import TASK, Row

HEAD = 32  # tasks to read at the head of the line for each requested task
_FITS = "cores <= ? AND memory_mb <= ? AND gpus <= ? AND walltime_s <= ? AND container <= ? AND (walltime_s > 0 OR ?)"


class TaskLine:
    """Finds tasks in the order of the line: highest priority first, then oldest."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def find_eligible(self, offer: Offer, count: int) -> List[Row]:
        """The rows of the first tasks that fit: reads the head of the line first, and class by
        class if that is not enough."""
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
        self, limits: Tuple[object, ...], have: Set[str], count: int, depth: int
    ) -> List[int]:
        """Cheap for any number of classes; reads `depth` tasks for each requested task."""
        rows = self._db.execute(
            "SELECT head.seq, tags FROM (SELECT seq, class, priority FROM tasks INDEXED BY tasks_line WHERE ready = 1"
            " ORDER BY priority DESC, seq LIMIT ?) AS head JOIN classes ON classes.class = head.class WHERE "
            + _FITS
            + " ORDER BY head.priority DESC, head.seq",
            (depth * count,) + limits,
        )
        return list(
            itertools.islice(
                (seq for seq, tags in rows if not tags or _words_of(tags) <= have), count
            )
        )

    def _class_by_class(self, limits: Tuple[object, ...], have: Set[str], count: int) -> List[int]:
        """Cheap for any number of tasks that do not fit."""
        classes = self._db.execute(
            "SELECT class, tags FROM classes WHERE ready > 0 AND " + _FITS, limits
        ).fetchall()
        moments: List[Any] = []
        for number in (number for number, tags in classes if _words_of(tags) <= have):
            moments += self._db.execute(
                "SELECT -priority, seq FROM tasks INDEXED BY tasks_ready WHERE class = ? AND ready = 1"
                " ORDER BY priority DESC, seq LIMIT ?",
                (number, count),
            )
        return [seq for _, seq in sorted(moments)[:count]]

    def count_claimable(self) -> int:
        """How many tasks some pilot could claim now."""
        row = self._db.execute("SELECT coalesce(sum(ready), 0) FROM classes").fetchone()
        return int(row[0])

    def ends_of_waits(self, offer: Offer) -> List[float]:
        """When the waits of tasks that fit this offer end, by the monotonic clock."""
        rows = self._db.execute(
            "SELECT tags, min(until) FROM tasks INDEXED BY tasks_waiting JOIN classes"
            " ON classes.class = tasks.class WHERE state = 'todo' AND tasks.ready = 0 AND "
            + _FITS
            + " GROUP BY tasks.class",
            _offer_limits(offer),
        ).fetchall()
        return [until for tags, until in rows if _words_of(tags) <= set(offer.tags)]


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


def _words_of(text: str) -> Set[str]:
    return set(filter(None, text.split(",")))

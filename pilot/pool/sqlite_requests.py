"""Answered requests of a SQLite pool: a repeated request gets the same answer."""

import collections
import json
import sqlite3
from typing import List, Optional, Sequence, Tuple

from pilot.pool import sqlite_file
from pilot.pool.interface import Grant

MAX_NEWEST = 200000  # pilots whose newest request is stored
KEEP_REQUESTS_S = 86400.0
Key = Tuple[str, int]


class ClaimLog:
    """The last request of each life of each pilot, and the leases that it got. The callers hold a
    writer transaction."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        # each life's newest request that got nothing
        self._newest: "collections.OrderedDict[Tuple[str, str], int]" = collections.OrderedDict()

    def recall(self, pilot: str, request_id: str) -> Optional[List[Key]]:
        """The leases (task, generation) that this very request got; an empty list if a later
        request of its life came before it; None for a new request."""
        life, number = split_request_id(request_id)
        kept = self._kept(pilot, life)
        if kept is not None and kept[0] == number:
            return [(task, generation) for task, generation in json.loads(kept[1])]
        return [] if number < self._newest_number(pilot, life, kept) else None

    def remember(self, pilot: str, request_id: str, leases: Sequence[Grant]) -> None:
        """Store the leases of this request. A request that got nothing may get something when it is
        repeated."""
        life, number = split_request_id(request_id)
        if leases:
            granted = json.dumps([(lease.task, lease.generation) for lease in leases])
            self._db.execute(
                "INSERT OR REPLACE INTO requests VALUES (?, ?, ?, ?, ?)",
                (pilot, life, number, sqlite_file.monotonic_s(), granted),
            )
            return
        self._newest[(pilot, life)] = number
        self._newest.move_to_end((pilot, life))
        if len(self._newest) > MAX_NEWEST:
            self._newest.popitem(last=False)

    def is_overtaken(self, pilot: str, request_id: str) -> bool:
        """Whether a later request of the same life of this pilot came before this one: its sender
        no longer waits for it."""
        life, number = split_request_id(request_id)
        return number < self._newest_number(pilot, life, self._kept(pilot, life))

    def forget_old(self) -> None:
        """Delete answers to requests that no pilot will repeat."""
        oldest = sqlite_file.monotonic_s() - KEEP_REQUESTS_S
        self._db.execute("DELETE FROM requests WHERE made < ?", (oldest,))

    def _kept(self, pilot: str, life: str) -> Optional[Tuple[int, str]]:
        row: Optional[Tuple[int, str]] = self._db.execute(
            "SELECT number, leases FROM requests WHERE pilot = ? AND life = ?", (pilot, life)
        ).fetchone()
        return row

    def _newest_number(self, pilot: str, life: str, kept: Optional[Tuple[int, str]]) -> int:
        return max(self._newest.get((pilot, life), 0), kept[0] if kept else 0)


def split_request_id(request_id: str) -> Tuple[str, int]:
    """The life and the number of a request id; one that is not LIFE:NUMBER is a life of its own."""
    life, _, number = request_id.rpartition(":")
    return (
        (life, int(number)) if life and number.isdigit() and len(number) < 16 else (request_id, 0)
    )

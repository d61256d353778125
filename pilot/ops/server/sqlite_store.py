"""The server's store in a SQLite file. Agents on one machine can open the same file directly."""

import sqlite3
import time
from typing import ContextManager, Optional

from pilot.ops.server.exchanges import Exchanges
from pilot.ops.server.store import Store
from pilot.pool import interface, sqlite_file
from pilot.pool.sqlite import SQLitePool


class SQLiteStore(SQLitePool, Store):
    """The server's store on one connection. Only one thread may use it."""

    def batch(self) -> ContextManager[None]:
        return self._file.batch()

    def is_overtaken(self, pilot: str, request_id: str) -> bool:
        return self._claims.is_overtaken(pilot, request_id)

    def expire_leases(self) -> None:
        with self._file.writing():
            self._rows.expire_leases()

    def extend_leases(self, seconds: float) -> None:
        with self._file.writing():
            self._db.execute(
                "UPDATE tasks SET until = until + ? WHERE state = 'locked'", (seconds,)
            )

    def note_served(self) -> None:
        with self._file.writing():
            self._db.execute(
                "INSERT OR REPLACE INTO meta VALUES ('served', ?)",
                ("%.3f" % sqlite_file.monotonic_s(),),
            )

    def away_s(self) -> float:
        rows = self._file.query_rows("SELECT value FROM meta WHERE name = 'served'")
        return max(0.0, sqlite_file.monotonic_s() - float(rows[0][0])) if rows else 0.0

    def has_leases(self) -> bool:
        return bool(self._file.query_rows("SELECT tasks FROM counts WHERE state = 'locked'")[0][0])

    def forget_requests(self) -> None:
        with self._file.writing():
            self._claims.forget_old()

    def check_writable(self) -> None:
        with self._file.writing():
            self._db.execute(
                "INSERT OR REPLACE INTO meta VALUES ('touched', ?)", ("%.6f" % time.time(),)
            )

    def count_claimable(self) -> int:
        return self._line.count_claimable()

    def note_exchange(self, token: str, pilots: int, ends: float, pilot: str) -> Optional[str]:
        return Exchanges(self._file).note(token, pilots, ends, pilot)

    def copy_to(self, target: str) -> None:
        try:
            copy = sqlite3.connect(target)
            try:
                self._db.backup(copy)
            finally:
                copy.close()
        # AttributeError: Python 3.6 has no backup()
        except (sqlite3.Error, AttributeError) as error:
            raise interface.Busy(str(error))

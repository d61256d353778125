"""Measures the times in which the server could not serve requests about tasks. These times do not
count for leases, because agents could not renew them."""

import time

from pilot.ops.server.store import Store

GAP_S = 3.0  # a longer time without service counts as an outage
# How often the store records that the server can serve, as part of other transactions.
NOTE_EACH_S = 1.0
NOTE_S = 5.0  # the same interval while there are no requests


class OutageTracker:
    """Measures outages (a suspended machine, a full disk) and adds them to all leases."""

    def __init__(self) -> None:
        self._served = time.monotonic()  # when the server could last serve tasks
        self._recorded = 0.0  # when the store last recorded this
        self._recording = False  # whether the current transaction records it
        self._failing = False  # whether transactions currently fail
        self._gap_s = 0.0

    def measure_gap(self) -> None:
        """If the time since the last call was an outage, add it to the total."""
        now = time.monotonic()
        # while transactions fail, the whole time is one gap
        if self._failing or now - self._served > GAP_S:
            self._gap_s += now - self._served
        self._served = now

    def begin_batch(self, store: Store) -> None:
        """Runs within a transaction: extend leases by the outage, and record that the server can
        serve."""
        self.measure_gap()  # the transaction may have waited for the file
        if self._gap_s:
            store.extend_leases(self._gap_s)
        if self._gap_s or self._failing or time.monotonic() - self._recorded > NOTE_EACH_S:
            store.note_served()
            self._recording = True

    def commit_batch(self) -> None:
        """The transaction is on disk: reset the outage."""
        self._recorded = time.monotonic() if self._recording else self._recorded
        self._failing, self._recording, self._gap_s = False, False, 0.0
        self.measure_gap()  # the commit may have waited for the disk

    def mark_failing(self) -> None:
        """The transaction failed: the outage lasts until a transaction succeeds."""
        self._failing = True

    def is_record_due(self) -> bool:
        """Return whether an idle server must record now that it can serve."""
        return time.monotonic() - self._recorded > NOTE_S and not self._failing

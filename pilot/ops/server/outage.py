"""Times in which the server could serve no request about tasks: they do not count for leases,
because agents could not renew them."""

import time

from pilot.ops.server.store import Store

GAP_S = 3.0  # a longer time without service counts as an outage
# how often the store records that the server can serve, in transactions that happen anyway
NOTE_EACH_S = 1.0
NOTE_S = 5.0  # the same while there are no requests


class OutageTracker:
    """Measures outages (a frozen machine, a full disk) and adds them to all leases."""

    def __init__(self) -> None:
        self._served = time.monotonic()  # when tasks could last be served
        self._recorded = 0.0  # when the store last recorded that
        self._recording = False  # whether the current transaction records it
        self._failing = False  # whether transactions fail now
        self._gap_s = 0.0

    def measure_gap(self) -> None:
        """Add the time since the last call to the outage, if it was one."""
        now = time.monotonic()
        if self._failing or now - self._served > GAP_S:  # while it fails, all of it is one gap
            self._gap_s += now - self._served
        self._served = now

    def begin_batch(self, store: Store) -> None:
        """Within a transaction: prolong leases by the outage, and record the service."""
        self.measure_gap()  # the transaction may have waited for the file
        if self._gap_s:
            store.extend_leases(self._gap_s)
        if self._gap_s or self._failing or time.monotonic() - self._recorded > NOTE_EACH_S:
            store.note_served()
            self._recording = True

    def commit_batch(self) -> None:
        """The transaction is on disk."""
        self._recorded = time.monotonic() if self._recording else self._recorded
        self._failing, self._recording, self._gap_s = False, False, 0.0
        self.measure_gap()  # the commit may have waited for the disk

    def mark_failing(self) -> None:
        """The transaction failed: an outage lasts until one succeeds."""
        self._failing = True

    def is_record_due(self) -> bool:
        """Whether an idle server should record its service now."""
        return time.monotonic() - self._recorded > NOTE_S and not self._failing

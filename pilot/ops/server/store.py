"""What the server needs of its store in addition to the interface of every pool."""

from typing import ContextManager

from pilot.pool.interface import Pool


class Store(Pool):
    """A pool behind a server. Each method raises Busy if the store cannot be read or written."""

    def batch(self) -> ContextManager[None]:
        """All calls inside share one transaction, and one wait for the disk. An error of the store
        undoes all of them (Busy). Only for calls that change nothing if they raise StaleLease."""
        raise NotImplementedError

    def is_overtaken(self, pilot: str, request_id: str) -> bool:
        """Whether a later request of the same run of this pilot came before this one: the pilot no
        longer waits for this one."""
        raise NotImplementedError

    def expire_leases(self) -> None:
        """Once for all claims of a batch: end the leases that ran out and the back-offs that are
        over."""
        raise NotImplementedError

    def extend_leases(self, seconds: float) -> None:
        """Prolong all leases: the server was unavailable for this time, and agents could not
        renew."""
        raise NotImplementedError

    def note_served(self) -> None:
        """Record that agents can renew now."""
        raise NotImplementedError

    def away_s(self) -> float:
        """Seconds since a server last served this pool; 0 if no server has."""
        raise NotImplementedError

    def has_leases(self) -> bool:
        """Whether any task is locked."""
        raise NotImplementedError

    def forget_requests(self) -> None:
        """Delete stored answers that no client will request again."""
        raise NotImplementedError

    def check_writable(self) -> None:
        """Write to the store: Busy if that fails."""
        raise NotImplementedError

    def count_claimable(self) -> int:
        """How many tasks are claimable now."""
        raise NotImplementedError

    def copy_to(self, target: str) -> None:
        """Copy the pool into a new file, also if the pool's own file was removed. Raises Busy."""
        raise NotImplementedError

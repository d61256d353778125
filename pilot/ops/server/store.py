"""The methods that the server needs of its store in addition to the interface of every pool."""

from typing import ContextManager, Dict, Iterable, List, Optional, Tuple

from pilot.pool.interface import Final, Grant, Offer, Pool


class Store(Pool):
    """A pool behind a server. Each method raises Busy if it cannot read or write the store."""

    def batch(self) -> ContextManager[None]:
        """All calls in the block share one transaction and one wait for the disk. A store error
        rolls back all of them (Busy). A call in the block must change nothing if it raises
        StaleLease."""
        raise NotImplementedError

    def grant(
        self,
        finals: Iterable[Final],
        pilot: str,
        offer: Offer,
        count: int,
        lease_s: float,
        request_id: str,
        begun: Iterable[Tuple[str, int]] = (),
    ) -> Tuple[Dict[Tuple[str, int], str], List[Grant]]:
        """The same as `next`, without waiting; the specs stay JSON texts, which the server copies
        into its answer."""
        raise NotImplementedError

    def is_overtaken(self, pilot: str, request_id: str) -> bool:
        """Return whether a later request of the same run of this pilot arrived before this request.
        If so, the pilot no longer waits for this one."""
        raise NotImplementedError

    def expire_leases(self) -> None:
        """Once for all claims of a batch: end the leases and the back-offs whose time is over."""
        raise NotImplementedError

    def extend_leases(self, seconds: float) -> None:
        """Extend all leases by this time: the server was unavailable, and agents could not renew
        them."""
        raise NotImplementedError

    def note_served(self) -> None:
        """Record that agents can renew leases now."""
        raise NotImplementedError

    def away_s(self) -> float:
        """Return the seconds since a server last served this pool; 0 if no server has served it."""
        raise NotImplementedError

    def has_leases(self) -> bool:
        """Return whether any task is locked."""
        raise NotImplementedError

    def forget_requests(self) -> None:
        """Delete stored answers that no client can request again."""
        raise NotImplementedError

    def check_writable(self) -> None:
        """Write to the store to test it. Raises Busy if that fails."""
        raise NotImplementedError

    def count_claimable(self) -> int:
        """Return how many tasks are claimable now."""
        raise NotImplementedError

    def note_exchange(self, token: str, pilots: int, ends: float, pilot: str) -> Optional[str]:
        """Count one exchange of a start token by this pilot; returns a sentence, and counts
        nothing, if the token, which is for so many pilots, is used up for it."""
        raise NotImplementedError

    def copy_to(self, target: str) -> None:
        """Copy the pool into a new file. This also works after the pool's own file was removed.
        Raises Busy."""
        raise NotImplementedError

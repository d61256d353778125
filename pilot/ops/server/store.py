"""What the server asks of its store beside what every pool promises: a second engine implements
this."""

from typing import ContextManager

from pilot.pool.interface import Pool


class Store(Pool):
    """A pool that serves many agents by one server; each method raises Busy when the store cannot
    be read or written."""

    def batch(self) -> ContextManager[None]:
        """Inside, all calls share one transaction: one wait for the disk. An error of the store
        undoes all of them (Busy). Only for calls that change nothing when they raise StaleLease."""
        raise NotImplementedError

    def is_overtaken(self, pilot: str, request_id: str) -> bool:
        """Whether a later request of the same life of this pilot came before this one: who sent
        this one has given it up."""
        raise NotImplementedError

    def expire(self) -> None:
        """Once for all the claims of a batch: leases that ran out, waits that are over."""
        raise NotImplementedError

    def extend_leases(self, seconds: float) -> None:
        """So long nobody could be served: that time does not count for those whose agents could not
        renew."""
        raise NotImplementedError

    def note_served(self) -> None:
        """This is a moment at which agents can renew."""
        raise NotImplementedError

    def away_s(self) -> float:
        """Seconds since a server last served this pool; 0 when none ever did."""
        raise NotImplementedError

    def has_leases(self) -> bool:
        """Whether any task is locked."""
        raise NotImplementedError

    def forget_requests(self) -> None:
        """Answers that nobody will ask for again."""
        raise NotImplementedError

    def touch(self) -> None:
        """Write something: Busy when nothing can be written."""
        raise NotImplementedError

    def claimable(self) -> int:
        """How many tasks could be claimed now, by somebody."""
        raise NotImplementedError

    def copy_to(self, target: str) -> None:
        """What this connection has of the pool, into a new file, also when its own file is gone.
        Raises Busy."""
        raise NotImplementedError

"""Records when each lease was last valid, and finds those that may run out. Pure: the caller passes
the time."""

from typing import Callable, Dict, Iterable, List, Optional, Tuple

# interval of renewals, whatever the lease's length: the answer also reports cancelled tasks
LONGEST_S = 60.0
# time for all payloads to end, on a busy machine, before another pilot may start the tasks
MARGIN_S = 1.0
Key = Tuple[str, int]  # task, generation


class Leases:
    """The leases that an agent holds, each with the time of its last successful claim or
    renewal."""

    def __init__(self, lease_s: float, grace_s: float, clock: Callable[[], float]) -> None:
        self._lease_s, self._grace_s, self._clock = lease_s, grace_s, clock
        self._good: Dict[Key, float] = {}

    def add(self, key: Key, asked: float) -> None:
        """Add a lease that the pool granted to a claim of this time."""
        self._good[key] = asked

    def drop(self, key: Key) -> None:
        """Remove a lease that the agent no longer holds."""
        self._good.pop(key, None)

    def keys(self) -> List[Key]:
        """The keys of all held leases."""
        return list(self._good)

    def renewed(self, keys: Iterable[Key], asked: float) -> None:
        """Record that a request of this time renewed these leases."""
        for key in keys:
            if key in self._good:
                self._good[key] = asked

    def end_of(self, key: Key) -> Optional[float]:
        """When the payload of this lease must have ended, by the caller's clock; None for a lease
        that the agent does not hold."""
        good = self._good.get(key)
        return None if good is None else good + self._lease_s - min(MARGIN_S, self._lease_s / 4)

    def every_s(self) -> float:
        """Seconds between renewals."""
        return min(self._lease_s / 5, LONGEST_S)

    def retry_s(self) -> float:
        """Seconds until the retry of a failed renewal."""
        return min(self._lease_s / 20, LONGEST_S / 4)

    def in_danger(self) -> List[Key]:
        """The leases that may run out before their payloads, stopped now, have ended."""
        margin = min(self._grace_s + self.retry_s() + MARGIN_S, self._lease_s / 2)
        now = self._clock()
        return [key for key, asked in self._good.items() if now - asked > self._lease_s - margin]

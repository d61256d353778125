"""When each lease was last good, and which are in danger: pure but for the clock that is handed
in."""

from typing import Callable, Dict, Iterable, List, Optional, Tuple

# between two renewals, however long the lease: that a task was cancelled is heard then
LONGEST_S = 60.0
MARGIN_S = 1.0  # for the end of all that runs, on a busy machine, before another may begin
Key = Tuple[str, int]  # task, generation


class Leases:
    """The leases an agent holds, each with the moment its last good claim or renewal was asked
    for."""

    def __init__(self, lease_s: float, grace_s: float, clock: Callable[[], float]) -> None:
        self._lease_s, self._grace_s, self._clock = lease_s, grace_s, clock
        self._good: Dict[Key, float] = {}

    def add(self, key: Key, asked: float) -> None:
        """A claim that was asked for at this moment was granted."""
        self._good[key] = asked

    def drop(self, key: Key) -> None:
        """It is ours no more."""
        self._good.pop(key, None)

    def keys(self) -> List[Key]:
        """All that are held."""
        return list(self._good)

    def renewed(self, keys: Iterable[Key], asked: float) -> None:
        """These were prolonged by a request of this moment."""
        for key in keys:
            if key in self._good:
                self._good[key] = asked

    def end_of(self, key: Key) -> Optional[float]:
        """When what runs under this lease must have ended, by the clock that was handed in; None
        for a lease that is not ours."""
        good = self._good.get(key)
        return None if good is None else good + self._lease_s - min(MARGIN_S, self._lease_s / 4)

    def every_s(self) -> float:
        """Seconds between renewals."""
        return min(self._lease_s / 5, LONGEST_S)

    def retry_s(self) -> float:
        """Seconds until a renewal that failed is tried again."""
        return min(self._lease_s / 20, LONGEST_S / 4)

    def in_danger(self) -> List[Key]:
        """Those that may run out before their payload, told to end now, would be gone."""
        margin = min(self._grace_s + self.retry_s() + MARGIN_S, self._lease_s / 2)
        now = self._clock()
        return [key for key, asked in self._good.items() if now - asked > self._lease_s - margin]

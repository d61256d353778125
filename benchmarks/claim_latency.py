"""Claim latency: claim and finish in a pool of many tasks against one of a thousand, the 99th
percentile of each."""

import os
import sys
import time
from typing import Any, Iterable, Iterator, List

from measure import ROOT, scratch

sys.path.insert(0, ROOT)

from pilot.pool import open_pool  # noqa: E402
from pilot.pool.interface import Final, Offer  # noqa: E402

MANY, FEW, CYCLES = int(os.environ.get("MANY", "1000000")), 1000, 900


def filled(folder: str, size: int) -> Any:
    """An open pool of that many waiting tasks."""
    pool = open_pool("sqlite:%s/%d" % (folder, size), create=True)
    pool.add({"id": "t%d" % number, "command": ["true"]} for number in range(size))
    return pool


def cycles(pool: Any) -> Iterator[float]:
    """Seconds of each claim that also finishes the task before."""
    finals: List[Final] = []
    for number in range(CYCLES):
        began = time.perf_counter()
        _, leases = pool.next(finals, "p", Offer(), 1, 300.0, "r%d" % number)
        yield time.perf_counter() - began
        finals = [Final(lease.task, lease.generation, "done", "", {}) for lease in leases]


def percentile(spent: Iterable[float]) -> float:
    """Milliseconds that 99 of 100 cycles stay below."""
    return sorted(spent)[int(CYCLES * 0.99)] * 1000


def main() -> None:
    """Prints the ratio; the two pools take turns, so that a busy moment of the machine meets
    both."""
    with scratch() as folder, filled(folder, FEW) as little, filled(folder, MANY) as big:
        few, many = map(percentile, zip(*zip(cycles(little), cycles(big))))
    print(
        "claim latency, 99 %%: %.2f ms with %d tasks against %.2f ms with %d: ratio %.2f (aimed at: at most 1.5)"
        % (many, MANY, few, FEW, many / few)
    )


if __name__ == "__main__":
    main()

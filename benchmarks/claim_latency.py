"""Claim latency: claim and finish in a pool of many tasks against one of a thousand, the 99th percentile of each."""

import os
import sys
import time

from measure import ROOT, scratch

sys.path.insert(0, ROOT)

from pilot.pool import open_pool  # noqa: E402
from pilot.pool.interface import Final, Offer  # noqa: E402

MANY, FEW, CYCLES = int(os.environ.get("MANY", "1000000")), 1000, 900


def percentile(folder: str, size: int) -> float:
    """Milliseconds that 99 of 100 cycles stay below."""
    spent, finals = [], []
    with open_pool("sqlite:%s/%d" % (folder, size), create=True) as pool:
        pool.add({"id": "t%d" % number, "command": ["true"]} for number in range(size))
        for number in range(CYCLES):
            began = time.perf_counter()
            _, leases = pool.next(finals, "p", Offer(), 1, 300.0, "r%d" % number)
            spent.append(time.perf_counter() - began)
            finals = [Final(lease.task, lease.generation, "done", "", {}) for lease in leases]
    return sorted(spent)[int(CYCLES * 0.99)] * 1000


def main() -> None:
    """Prints the ratio."""
    with scratch() as folder:
        few, many = percentile(folder, FEW), percentile(folder, MANY)
    print("claim latency, 99 %%: %.2f ms with %d tasks against %.2f ms with %d: ratio %.2f (aimed at: at most 1.5)" % (
        many, MANY, few, FEW, many / few))


if __name__ == "__main__":
    main()

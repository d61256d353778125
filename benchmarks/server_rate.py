"""Claim and done in one request from 200 keep-alive clients, against the same pool in this process
without any network."""

import os
import re
import sys
import time
from typing import Dict, List

from measure import ROOT, paired, scratch, tell
from serving import Clients, Served, post, told

sys.path.insert(0, ROOT)

from pilot.ops.server.sqlite_store import SQLiteStore  # noqa: E402
from pilot.pool import open_pool  # noqa: E402
from pilot.pool.interface import Final, Lease, Offer  # noqa: E402

CLIENTS, SECONDS, TASKS = 200, 3.0, 250000
BODY = (
    '{"finals":[%s],"pilot":"p%d","offer":{"cores":1},"count":1,"lease_s":300,"request_id":"c:%d"}'
)
DONE = '{"task":"%s","generation":%s,"outcome":"done","reason":"","result":{"exit_code":0}}'
LEASE = re.compile(rb'"task":"([^"]+)","generation":(\d+)')


def served_rate(port: int) -> float:
    """Pairs per second, every one committed with synchronous=FULL before its answer."""
    clients, count, began = Clients(port, CLIENTS), 0, time.perf_counter()
    for number in range(CLIENTS):
        clients.ask(number, "/v1/next", (BODY % ("", number, time.perf_counter_ns())).encode())
    for number, plain, data in clients.answers(SECONDS):
        found = LEASE.search(data)
        if found is None:
            raise SystemExit("no task in %r" % data)
        count += 1
        body = (
            BODY
            % (
                DONE % (found.group(1).decode(), found.group(2).decode()),
                number,
                time.perf_counter_ns(),
            )
        ).encode()
        plain.sendall(post("/v1/next", body))
    spent = time.perf_counter() - began
    clients.close()
    return count / spent


def bare_rate(folder: str) -> float:
    """The same calls in batches of 200, without server and network."""
    path = "%s/bare-%d" % (folder, time.perf_counter_ns())
    with SQLiteStore(path, create=True) as pool:
        pool.add(told(40000))
        held: Dict[int, List[Lease]] = {}
        count, began = 0, time.perf_counter()
        while time.perf_counter() - began < SECONDS / 2:
            with pool.batch():
                pool.expire_leases()
                for number in range(CLIENTS):
                    finals = [
                        Final(lease.task, lease.generation, "done", "", {"exit_code": 0})
                        for lease in held.get(number, [])
                    ]
                    held[number] = pool.next(
                        finals, "p%d" % number, Offer(), 1, 300.0, "c:%d" % count
                    )[1]
                    count += 1
        return count / (time.perf_counter() - began)


def main() -> None:
    """Prints the rate and the ratio."""
    with scratch() as folder, Served(folder) as server:
        with open_pool(server.url) as pool:
            pool.add(told(int(os.environ.get("TASKS", TASKS))))
        pairs = paired(lambda: served_rate(server.port), lambda: bare_rate(folder), 3)
    tell("server, 200 clients, claim and done", pairs, "per s", "aimed at: at least 10000 per s")


if __name__ == "__main__":
    main()

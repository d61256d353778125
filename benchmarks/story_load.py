"""What the stories of many pilots cost the server: 5,000 pilots with 10 log lines a second each,
sent every 10 s, and a heartbeat a minute; then how long the page's questions take with 10,000
pilots."""

import json
import os
import sys
import time
import urllib.request
from typing import Any, Dict, List

from measure import ROOT, scratch
from serving import Clients, Served, post

sys.path.insert(0, ROOT)

from tests.pool.stories import story  # noqa: E402

PILOTS, SECONDS = 5000, 8.0
LINE = "2026-11-20T03:11:06.320Z INFO    LaunchAgent: task sim-%05d done after 812.4 s, 3.2 GB, event %d"


def body(number: int, turn: int) -> bytes:
    """What a pilot sends every ten seconds; every sixth time with a heartbeat."""
    events: List[Dict[str, Any]] = [
        {
            "pilot": "p%d" % (number % PILOTS),
            "seq": 2 * turn + 1,
            "time": "2026-11-20T03:11:06.320Z",
            "event": "log",
            "lines": [LINE % (number, line) for line in range(100)],
        }
    ]
    if turn % 6 == 0:
        events.append(
            {
                "pilot": "p%d" % (number % PILOTS),
                "seq": 2 * turn + 2,
                "time": "2026-11-20T03:11:06.320Z",
                "event": "pilot heartbeat",
                "load": [1.0, 1.1, 1.2],
                "memory_free_mb": 3000,
                "disk_free_mb": 90000,
            }
        )
    return json.dumps({"events": events}).encode()


def requests_per_core(server: Served) -> float:
    """How many such messages one core of the server takes in a second."""
    clients, count, began = Clients(server.port, 50), 0, server.cpu_s()
    sent = 0
    for number in range(50):
        clients.ask(number, "/v1/events", body(sent, sent // PILOTS))
        sent += 1
    for _, plain, data in clients.answers(SECONDS):
        if b" 200 OK" not in data[:20]:
            raise SystemExit(data[:300])
        count += 1
        message = body(sent, sent // PILOTS)
        sent += 1
        plain.sendall(post("/v1/events", message))
    clients.close()
    return count / (server.cpu_s() - began)


def page_ms(server: Served) -> Dict[str, float]:
    """The slowest of five answers to each question of the page, in ms."""
    found = {}
    for path in (
        "overview?hours=24",
        "pilots?limit=100",
        "sites?hours=24",
        "statistics?hours=24",
        "pilots?site=SURF&limit=100",
    ):
        spent = []
        for _ in range(5):
            began = time.perf_counter()
            urllib.request.urlopen(server.url + "/v1/" + path, timeout=60).read()
            spent.append((time.perf_counter() - began) * 1000)
        found[path.split("?")[0]] = max(found.get(path.split("?")[0], 0.0), max(spent))
    return found


def main() -> None:
    """Prints cores and milliseconds."""
    with scratch() as folder, Served(folder) as server:
        rate = requests_per_core(server)
    needed = PILOTS / 10.0
    print(
        "5000 pilots' logs and heartbeats: %.0f messages per s and core against %.0f per s that come: %.2f cores (aimed at: below 1)"
        % (rate, needed, needed / rate)
    )
    with scratch() as folder, Served(folder) as server:
        for number in range(int(os.environ.get("PILOTS", "10000"))):
            message = json.dumps({"events": story(number)}).encode()
            urllib.request.urlopen(
                urllib.request.Request(
                    server.url + "/v1/events", message, {"Content-Type": "application/json"}
                ),
                timeout=60,
            ).read()
        told = page_ms(server)
    print(
        "page with 10000 pilots: %s (aimed at: below 200 ms each)"
        % ", ".join("%s %.0f ms" % item for item in sorted(told.items()))
    )


if __name__ == "__main__":
    main()

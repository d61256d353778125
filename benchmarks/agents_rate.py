"""Four stock Python clients of no-op tasks on the server, against PiCaS' own client with a
CouchDB-compatible server (when tests/real/systems/picas.sh has made it in .real/picas; else the
rate alone)."""

import os
import subprocess
import sys
import time
from typing import List

from measure import ENVIRON, ROOT, scratch
from serving import Served, told

sys.path.insert(0, ROOT)

from pilot.pool import open_pool  # noqa: E402
from pilot.pool.interface import Final, Lease, Offer  # noqa: E402

WORKERS, TASKS, PICAS_TASKS = 4, 6000, 300
PICAS = os.path.join(ROOT, ".real", "picas", "venv", "bin", "python")
COUCH = "http://127.0.0.1:15984"


def work(url: str, name: str) -> None:
    """What one agent asks of its pool, without running anything."""
    held: List[Lease] = []
    with open_pool(url) as pool:
        number = 0
        while True:
            number += 1
            finals = [
                Final(lease.task, lease.generation, "done", "", {"exit_code": 0}) for lease in held
            ]
            held = pool.next(finals, name, Offer(), 1, 300.0, "%s-%d" % (name, number))[1]
            if not held:
                return


def rate(commands: List[List[str]], tasks: int) -> float:
    """Tasks per second of these programs together, their start included on both sides."""
    began = time.perf_counter()
    children = [
        subprocess.Popen(argv, env=ENVIRON, cwd=ROOT, stdout=subprocess.DEVNULL)
        for argv in commands
    ]
    if any(child.wait() for child in children):
        raise SystemExit("a worker failed")
    return tasks / (time.perf_counter() - began)


def picas_rate(folder: str) -> float:
    """The old client's, on a database of its own."""
    client = os.path.join(ROOT, "tests", "real", "picas_client.py")
    script = os.path.join(ROOT, "tests", "real", "systems", "picas.sh")
    environ = dict(ENVIRON, CACHE=os.path.dirname(os.path.dirname(os.path.dirname(PICAS))))
    subprocess.run(
        [script, "up", os.path.join(folder, "couch")],
        env=environ,
        check=True,
        stdout=subprocess.DEVNULL,
    )
    try:
        for verb in (["push", COUCH, "bench", str(PICAS_TASKS)], ["views", COUCH, "bench"]):
            subprocess.run([PICAS, client] + verb, check=True, stdout=subprocess.DEVNULL)
        return rate([[PICAS, client, "work", COUCH, "bench"]] * WORKERS, PICAS_TASKS)
    finally:
        subprocess.run(
            [script, "down", os.path.join(folder, "couch")],
            env=environ,
            check=True,
            stdout=subprocess.DEVNULL,
        )


def main() -> None:
    """Prints the rate, and the ratio where PiCaS is."""
    if sys.argv[1:2] == ["work"]:
        return work(*sys.argv[2:])
    with scratch() as folder, Served(folder) as server:
        with open_pool(server.url) as pool:
            pool.add(told(TASKS))
        ours = rate(
            [
                [sys.executable, __file__, "work", server.url, "w%d" % number]
                for number in range(WORKERS)
            ],
            TASKS,
        )
        if not os.path.exists(PICAS):
            return print(
                "four Python agents, no-op tasks: %.0f per s (aimed at: at least 1000 per s; no PiCaS here to compare)"
                % ours
            )
        theirs = picas_rate(folder)
    print("four Python agents, no-op tasks: %.0f per s against %.0f per s of PiCaS: ratio %.0f"
          " (aimed at: at least 1000 per s, more than 20)" % (ours, theirs, ours / theirs))


if __name__ == "__main__":
    main()

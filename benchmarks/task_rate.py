"""Task rate: no-op payloads through the embedded pool, one slot, against a bare spawn-and-wait loop."""

import json
import os
import subprocess
import sys
import time

from measure import ENVIRON, paired, scratch, tell

TASKS = 500
NOOP = "/bin/true"


def spawn_rate() -> float:
    """Programs per second that one loop starts and waits for."""
    began = time.perf_counter()
    for _ in range(TASKS):
        subprocess.Popen([NOOP], stdin=subprocess.DEVNULL, start_new_session=True).wait()
    return TASKS / (time.perf_counter() - began)


def task_rate(folder: str) -> float:
    """Tasks per second between the first claim and the last end, as the pilot's own events tell."""
    workdir = os.path.join(folder, "run-%d" % time.monotonic_ns() if hasattr(time, "monotonic_ns") else "run")
    tasks = os.path.join(folder, "tasks.jsonl")
    with open(tasks, "w") as stream:
        for number in range(TASKS):
            stream.write(json.dumps({"id": "n%d" % number, "command": [NOOP]}) + "\n")
    subprocess.run([sys.executable, "-m", "pilot", "-X", "CheckWorkerNode,LaunchAgent", "--tasks", tasks, "--slots", "1",
                    "--workdir", workdir], env=ENVIRON, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    with open(os.path.join(workdir, "pilot-report.json")) as stream:
        report = json.load(stream)
    assert report["tasks"]["done"] == TASKS, report["tasks"]
    claimed, ended = [], []
    with open(os.path.join(workdir, "pilot-events.jsonl")) as stream:
        for line in stream:
            event = json.loads(line)
            if event["event"] in ("task claimed", "task finished"):
                (claimed if event["event"] == "task claimed" else ended).append(_moment(event["time"]))
    return TASKS / (max(ended) - min(claimed))


def _moment(text: str) -> float:
    clock = text.rstrip("Z").split("T")[1].split(":")
    return int(clock[0]) * 3600 + int(clock[1]) * 60 + float(clock[2])


def main() -> None:
    """Prints the ratio."""
    with scratch() as folder:
        tell("task rate, one slot", paired(lambda: task_rate(folder), spawn_rate, 5), "per s", "aimed at: at least 0.60")


if __name__ == "__main__":
    main()

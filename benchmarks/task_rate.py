"""Task rate: no-op payloads through the embedded pool, one slot, against a bare spawn-and-wait
loop."""

import json
import os
import subprocess
import sys
import tempfile
import time

from measure import ENVIRON, paired, scratch, tell

FEW, TASKS = 100, 1600
NOOP = "/bin/true"


def spawn_rate() -> float:
    """Programs per second that one loop starts and waits for."""
    began = time.perf_counter()
    for _ in range(TASKS):
        subprocess.Popen([NOOP], stdin=subprocess.DEVNULL, start_new_session=True).wait()
    return TASKS / (time.perf_counter() - began)


def task_rate(folder: str) -> float:
    """Tasks per second by the clock on the wall: what a pilot with many tasks takes longer than one
    with few."""
    return (TASKS - FEW) / (_pilot_s(folder, TASKS) - _pilot_s(folder, FEW))


def _pilot_s(folder: str, count: int) -> float:
    workdir, tasks = tempfile.mkdtemp(dir=folder), os.path.join(folder, "tasks.jsonl")
    with open(tasks, "w") as stream:
        for number in range(count):
            stream.write(json.dumps({"id": "n%d" % number, "command": [NOOP]}) + "\n")
    began = time.perf_counter()
    subprocess.run(
        [
            sys.executable,
            "-m",
            "pilot",
            "-X",
            "CheckWorkerNode,LaunchAgent",
            "--tasks",
            tasks,
            "--slots",
            "1",
            "--workdir",
            workdir,
        ],
        env=ENVIRON,
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    seconds = time.perf_counter() - began
    with open(os.path.join(workdir, "pilot-report.json")) as stream:
        report = json.load(stream)
    assert report["tasks"]["done"] == count, report["tasks"]
    return seconds


def main() -> None:
    """Prints the ratio."""
    with scratch() as folder:
        tell(
            "task rate, one slot",
            paired(lambda: task_rate(folder), spawn_rate, 5),
            "per s",
            "aimed at: at least 0.60",
        )


if __name__ == "__main__":
    main()

"""Stop time: SIGTERM to the pilot's exit with a payload that ignores SIGTERM, against the payload's
grace of 2 s."""

import json
import os
import signal
import statistics
import subprocess
import sys
import time

from measure import ENVIRON, scratch

GRACE_S = 2.0
ROUNDS = 5


def once(folder: str, number: int) -> float:
    """Seconds from the signal to the end; the task must be back in the pool and nothing alive."""
    workdir = os.path.join(folder, "w%d" % number)
    started = os.path.join(folder, "started-%d" % number)
    tasks = os.path.join(folder, "tasks.jsonl")
    with open(tasks, "w") as stream:
        script = "trap '' TERM; echo $$ > %s.new; mv %s.new %s; while :; do sleep 1; done" % (
            started,
            started,
            started,
        )
        stream.write(json.dumps({"id": "stubborn", "script": script}) + "\n")
    pilot = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "pilot",
            "-X",
            "CheckWorkerNode,LaunchAgent",
            "--tasks",
            tasks,
            "--workdir",
            workdir,
        ],
        env=ENVIRON,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while not os.path.exists(started):
        time.sleep(0.01)
    began = time.perf_counter()
    pilot.send_signal(signal.SIGTERM)
    code = pilot.wait()
    spent = time.perf_counter() - began
    with open(started) as stream:
        alive = os.path.exists("/proc/%s" % stream.read().strip())
    with open(os.path.join(workdir, "pilot-report.json")) as stream:
        report = json.load(stream)
    assert code == 143 and not alive and report["tasks"]["released"] == 1, (
        code,
        alive,
        report["tasks"],
    )
    return spent


def main() -> None:
    """Prints the median and the slowest, as multiples of the grace."""
    with scratch() as folder:
        times = [once(folder, number) for number in range(ROUNDS)]
    print(
        "stop time: median %.2f s, slowest %.2f s: ratio to the grace %.2f (aimed at: below 5 s, always)"
        % (statistics.median(times), max(times), statistics.median(times) / GRACE_S)
    )


if __name__ == "__main__":
    main()

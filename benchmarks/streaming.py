"""Output streaming: a payload that writes 1 GB to its standard output against `cat` into a file."""

import json
import os
import shutil
import subprocess
import sys
import time

from measure import ENVIRON, paired, scratch, tell

BYTES = 1 << 30
SOURCE = "head -c %d /dev/zero" % BYTES


def plain(folder: str) -> float:
    """Seconds for `... | cat >file`."""
    path = os.path.join(folder, "plain")
    os.sync()  # what the other run left to be written to disk must not slow this one down
    began = time.perf_counter()
    subprocess.run(["sh", "-c", "%s | cat > %s" % (SOURCE, path)], check=True)
    spent = time.perf_counter() - began
    os.unlink(path)
    return spent


def payload(folder: str) -> float:
    """Seconds of the payload inside a pilot, as its result tells."""
    tasks, workdir = os.path.join(folder, "tasks.jsonl"), os.path.join(
        folder, "w%d" % int(time.monotonic() * 1000)
    )
    with open(tasks, "w") as stream:
        stream.write(json.dumps({"id": "big", "command": ["sh", "-c", SOURCE + " | cat"]}) + "\n")
    os.sync()
    subprocess.run(
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
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    with open(os.path.join(workdir, "pilot-events.jsonl")) as stream:
        events = [json.loads(line) for line in stream]
    ended = next(event for event in events if event["event"] == "task finished")
    assert ended["outcome"] == "done", ended
    shutil.rmtree(workdir)
    return float(ended["seconds"])


def main() -> None:
    """Prints the ratio."""
    with scratch() as folder:
        tell(
            "1 GB of output",
            paired(lambda: payload(folder), lambda: plain(folder), 3),
            "s",
            "aimed at: at most 2.0",
        )


if __name__ == "__main__":
    main()

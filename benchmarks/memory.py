"""Memory: the peak of the pilot and of its agent while a payload writes 1 GB, against the bare
interpreter's."""

import json
import os
import subprocess
import sys
import time
from typing import Dict

from measure import ENVIRON, scratch

SOURCE = "head -c %d /dev/zero; sleep 1" % (1 << 30)


def peak_mb(pid: int) -> float:
    """VmHWM of a process that lives; 0 when it is gone."""
    try:
        with open("/proc/%d/status" % pid) as stream:
            return next(
                int(line.split()[1]) / 1024.0 for line in stream if line.startswith("VmHWM")
            )
    except (OSError, StopIteration):
        return 0.0


def children(pid: int) -> Dict[int, str]:
    """Direct children with their command lines."""
    try:
        with open("/proc/%d/task/%d/children" % (pid, pid)) as stream:
            pids = [int(word) for word in stream.read().split()]
    except OSError:
        return {}
    found = {}
    for child in pids:
        try:
            with open("/proc/%d/cmdline" % child) as stream:
                found[child] = stream.read().replace("\0", " ")
        except OSError:
            pass
    return found


def main() -> None:
    """Prints both peaks and their ratios to the bare interpreter."""
    with scratch() as folder:
        tasks = os.path.join(folder, "tasks.jsonl")
        with open(tasks, "w") as stream:
            stream.write(json.dumps({"id": "big", "command": ["sh", "-c", SOURCE]}) + "\n")
        words = ["-X", "CheckWorkerNode,LaunchAgent", "--tasks", tasks, "--workdir", folder]
        pilot = subprocess.Popen(
            [sys.executable, "-m", "pilot"] + words,
            env=ENVIRON,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        bare = subprocess.Popen(
            [sys.executable, "-I", "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE
        )
        peaks = {"pilot": 0.0, "agent": 0.0, "bare": 0.0}
        while pilot.poll() is None:
            agents = [pid for pid, line in children(pilot.pid).items() if "pilot.agent" in line]
            for name, pid in [("pilot", pilot.pid), ("bare", bare.pid)] + [
                ("agent", pid) for pid in agents
            ]:
                peaks[name] = max(peaks[name], peak_mb(pid))
            time.sleep(0.02)
        bare.communicate()
        for name in ("pilot", "agent"):
            print(
                "peak memory, %s: %.1f MB against %.1f MB: ratio %.2f%s"
                % (
                    name,
                    peaks[name],
                    peaks["bare"],
                    peaks[name] / peaks["bare"],
                    " (aimed at: at most 40 MB)" if name == "agent" else "",
                )
            )


if __name__ == "__main__":
    main()

"""A farm of local processes, as an operator uses it."""

import json
import subprocess
import sys

from tests.conftest import ROOT

TOOL = [sys.executable, "-m", "pilot.factory"]
FARM = """\
# our farm
[factory]
pool = sqlite:pool.sqlite
cycle_s = 0.2

[site home]   # this machine
backend = local
max_running = 2
max_pending = 2
policy = demand
idle_s = 0
commands = CheckWorkerNode,LaunchAgent
"""


def add_tasks(folder, count, script="exec true", name="t"):
    lines = [json.dumps({"id": "%s%d" % (name, number), "script": script}) for number in range(count)]
    (folder / "tasks.jsonl").write_text("\n".join(lines) + "\n")
    words = ["add", "sqlite:%s/pool.sqlite" % folder, str(folder / "tasks.jsonl")]
    subprocess.check_call(
        [sys.executable, "-m", "pilot.pool"] + words, cwd=str(ROOT), stdout=subprocess.DEVNULL
    )


def shown(*words):
    """What a verb prints as JSON."""
    return json.loads(subprocess.check_output(TOOL + list(words) + ["--json"], cwd=str(ROOT)).decode())


def site(file):
    return shown("status", file)["sites"][0]


def live(file):
    one = site(file)
    return one["pending"] + one["running"] + one["held"]


def tasks(folder):
    text = subprocess.check_output(
        [sys.executable, "-m", "pilot.pool", "status", "sqlite:%s/pool.sqlite" % folder, "--json"],
        cwd=str(ROOT),
    )
    return json.loads(text.decode())

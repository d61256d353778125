"""Runs the factory over a real batch system until all tasks are done."""

import json
import time

FARM = """\
[factory]
pool = sqlite:pool.sqlite

[site main]
backend = %s
max_running = %d
max_pending = 4
policy = demand half
idle_s = 0
%s
"""


def run_tasks(tool, folder, backend, tasks=40, max_running=4, more=""):
    """`tool(name, *words)` runs an operators' tool as the plain user. Returns the site's status; no
    cap is exceeded, and nothing is left."""
    lines = [json.dumps({"id": "t%d" % number, "script": "exec true"}) for number in range(tasks)]
    (folder / "tasks.jsonl").write_text("\n".join(lines) + "\n")
    (folder / "farm.ini").write_text(FARM % (backend, max_running, more))
    pool, farm = "sqlite:%s/pool.sqlite" % folder, str(folder / "farm.ini")
    tool("pool", "add", pool, str(folder / "tasks.jsonl"))
    deadline = time.monotonic() + 240
    while True:
        tool("factory", "once", farm)
        site = json.loads(tool("factory", "status", farm, "--json"))["sites"][0]
        live = site["pending"] + site["running"] + site["held"]
        assert live <= max_running, site
        counts = json.loads(tool("pool", "status", pool, "--json"))
        if counts["done"] == tasks and not live:
            return site
        explained = tool("factory", "explain", farm, "main")
        assert time.monotonic() < deadline, (counts, site, explained)

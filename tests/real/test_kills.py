"""Pilots and agents are killed at random over one pool: the accounting stays right, nothing is left
running.

`PILOT_KILLS` (50) kills over `PILOT_KILL_TASKS` (500) tasks, half of them of agents, half of
pilots.
"""

import json
import os
import random
import signal
import subprocess
import sys
import time

from pilot.base import process_tree
from pilot.pool import open_pool
from tests.conftest import ROOT, until

KILLS = int(os.environ.get("PILOT_KILLS", "50"))
TASKS = int(os.environ.get("PILOT_KILL_TASKS", "500"))
LEASE_S = 3
GRACE_S = 2.0
MARK = "PILOT_KILL_TEST"


class Farm:
    """Two pilots at work on one pool; a killed one is replaced."""

    def __init__(self, folder, url):
        self.folder, self.url, self.count = folder, url, 0
        self.mark = "farm-%d-%d" % (os.getpid(), time.monotonic() * 1000)
        self.pilots = [self.start(), self.start()]

    def start(self):
        self.count += 1
        with open(str(self.folder / ("out-%d" % self.count)), "wb") as log:
            return subprocess.Popen(
                [
                    sys.executable,
                    str(ROOT / "pilot.py"),
                    "-X",
                    "CheckWorkerNode,LaunchAgent",
                    "--pool",
                    self.url,
                    "--lease-s",
                    str(LEASE_S),
                    "--slots",
                    "2",
                    "--stop-grace-s",
                    "1",
                    "--idle-s",
                    "60",
                    "--workdir",
                    str(self.folder / ("w-%d" % self.count)),
                ],
                stdout=log,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                env=dict(os.environ, **{MARK: self.mark}),
            )

    def kill_one(self, rng):
        at = rng.randrange(len(self.pilots))
        pilot = self.pilots[at]
        # its other children, such as the look at namespaces, end by themselves
        agents = [
            p
            for p in process_tree.descendants(pilot.pid)
            if p.parent == pilot.pid and b"pilot.agent\0" in command_line(p.pid)
        ]
        victim = pilot.pid if rng.random() < 0.5 or not agents else agents[0].pid
        before = [p for p in process_tree.descendants(pilot.pid) if p.state != "Z"]
        os.kill(victim, signal.SIGKILL)
        self.pilots[at] = self.start()
        return pilot, before

    def stop(self):
        for pilot in self.pilots:
            pilot.terminate()
        for pilot in self.pilots:
            pilot.wait(timeout=20)


def command_line(pid):
    """Empty when it has gone."""
    try:
        with open("/proc/%d/cmdline" % pid, "rb") as stream:
            return stream.read()
    except OSError:
        return b""


def survivors(processes):
    """Those of these processes that are still the same and alive."""
    now = [(p, process_tree.look_up(p.pid)) for p in processes]
    return [
        p
        for p, found in now
        if found is not None and found.started == p.started and found.state != "Z"
    ]


def test_killed_pilots_and_agents_lose_nothing_and_leave_nothing(tmp_path):
    seed = int(os.environ.get("PILOT_KILL_SEED", "%d" % (time.time() * 1000)))
    print("seed", seed)
    rng = random.Random(seed)
    url = "sqlite:%s/pool.sqlite" % tmp_path
    pool = open_pool(url, create=True, backoff_s=0.05)
    pool.add(
        [
            {
                "id": "t%03d" % n,
                "max_attempts": 50,
                "script": "echo $PILOT_TASK_ID >> %s/ran; sleep %.2f"
                % (tmp_path, rng.uniform(0.0, 0.6)),
            }
            for n in range(TASKS)
        ]
    )
    farm = Farm(tmp_path, url)
    try:
        for _ in range(KILLS):
            pause = time.monotonic() + rng.uniform(0.1, 1.2)
            until(lambda: time.monotonic() > pause, what="the time for the next kill")
            if pool.status()["done"] == TASKS:
                break
            dead, children = farm.kill_one(rng)
            until(
                lambda: not survivors(children),
                GRACE_S + 3,
                "the end of all that %d had started" % dead.pid,
            )
            dead.wait(timeout=20)
        until(lambda: pool.status()["done"] == TASKS, 240, "the end of all tasks")
    finally:
        farm.stop()
    assert pool.status() == {"todo": 0, "locked": 0, "done": TASKS, "error": 0, "held": 0}
    exported = list(pool.export())
    for task in exported:
        assert [attempt["outcome"] for attempt in task["attempts"]].count("done") == 1, task
        assert task["attempts"][-1]["outcome"] == "done" and all(
            attempt["outcome"] for attempt in task["attempts"]
        )
    ran = (tmp_path / "ran").read_text().split()
    assert set(ran) == {task["id"] for task in exported} and len(ran) <= sum(
        len(task["attempts"]) for task in exported
    )
    lost = sum(attempt["outcome"] != "done" for task in exported for attempt in task["attempts"])
    print(
        json.dumps(
            {"kills": KILLS, "tasks": TASKS, "starts": len(ran), "attempts without a result": lost}
        )
    )
    until(
        lambda: not [
            p
            for p in process_tree.everything()
            if p.state != "Z" and process_tree.variable(p.pid, MARK) == farm.mark
        ],
        10,
        "an empty machine",
    )
    pool.close()


def test_no_task_stays_locked_after_its_lease(tmp_path):
    url = "sqlite:%s/pool.sqlite" % tmp_path
    pool = open_pool(url, create=True, backoff_s=0.05)
    pool.add([{"id": "t%d" % n, "command": ["sleep", "300"]} for n in range(4)])
    farm = Farm(tmp_path, url)
    try:
        until(lambda: pool.status()["locked"] == 4, 20)
        for pilot in farm.pilots:
            for process in [
                p for p in process_tree.descendants(pilot.pid) if p.parent == pilot.pid
            ]:
                os.kill(process.pid, signal.SIGKILL)
            pilot.kill()
            pilot.wait()
        until(lambda: pool.status()["locked"] == 0, LEASE_S + 3, "the end of all leases")
    finally:
        farm.stop()
        pool.close()

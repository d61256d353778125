"""Everything at once: pilots, agents, wardens and the server killed and frozen, answers cut,
payloads that fail and leave strays.

Each payload writes its start and its end into a ledger outside the software's reach, and holds a
lock for its task as long as any process of it lives: a second run beside it says so itself. Ledger
and pool are compared at the end. PILOT_CHAOS_TASKS and PILOT_CHAOS_S make it longer: 100,000 tasks
and 1,800 s take half an hour.
"""

import collections
import json
import os
import random
import signal
import subprocess
import sys
import time

import pytest

from pilot.base import process_tree
from pilot.pool import open_pool
from tests.agent.running import command_line
from tests.conftest import ROOT, until
from tests.pool.cutting import Cutting
from tests.pool.served import Served

TASKS = int(os.environ.get("PILOT_CHAOS_TASKS", "20000"))
FAULTS_S = float(os.environ.get("PILOT_CHAOS_S", "180"))
PILOTS, SLOTS, LEASE_S = 4, 2, 6
PAYLOAD = """#!/bin/sh
exec 9>>%(place)s/locks/$PILOT_TASK_ID
flock -n 9 || echo "O $PILOT_TASK_ID" >>%(place)s/ledger
echo "S $PILOT_TASK_ID" >>%(place)s/ledger
case $PILOT_TASK_ID in
  *00) (setsid sh -c 'trap "" TERM; sleep 60' &) ;;
  *50) (env -i setsid sh -c 'trap "" TERM; sleep 60' &) ;;
  *7) sleep 0.2 ;;
esac
case $PILOT_TASK_ID in *5) test -e %(place)s/second/$PILOT_TASK_ID || { : >%(place)s/second/$PILOT_TASK_ID; exit 1; } ;; esac
echo "E $PILOT_TASK_ID" >>%(place)s/ledger
"""


class Farm:
    """A server behind a proxy that loses answers, pilots that pull from it, and what is done to
    them."""

    def __init__(self, place, rng):
        self.place, self.rng, self.faults = place, rng, collections.Counter()
        for name in ("server", "locks", "second"):
            (place / name).mkdir()
        with open_pool("sqlite:%s/server/pool.sqlite" % place, create=True, backoff_s=0.2) as pool:
            pool.add(
                {
                    "id": "t%06d" % n,
                    "script": PAYLOAD % {"place": place},
                    "max_attempts": 40,
                    "max_releases": 40,
                }
                for n in range(TASKS)
            )
        self.server = Served(place / "server")
        self.proxy = Cutting(int(self.server.url.rpartition(":")[2]))
        self.proxy.cut = lambda data: rng.random() < 0.002
        self.pilots, self.count = [], 0

    def fill(self):
        """As many pilots as there should be."""
        for one in [one for one in self.pilots if one.poll() is not None]:
            self.pilots.remove(one)
        while len(self.pilots) < PILOTS:
            self.count += 1
            words = [
                "-X",
                "CheckWorkerNode,LaunchAgent",
                "--pool",
                self.proxy.url,
                "--pilot-id",
                "p%d" % self.count,
                "--lease-s",
                str(LEASE_S),
                "--slots",
                str(SLOTS),
                "--stop-grace-s",
                "0.5",
                "--idle-s",
                "5",
                "--keep-sandboxes",
                "never",
                "--max-quick-failures",
                "0",
                "--workdir",
                str(self.place / ("w%d" % self.count)),
            ]
            with open(str(self.place / "pilots.log"), "ab") as log:
                self.pilots.append(
                    subprocess.Popen(
                        [sys.executable, str(ROOT / "pilot.py")] + words,
                        stdout=log,
                        stderr=log,
                        stdin=subprocess.DEVNULL,
                    )
                )

    def part(self, which):
        """The pid of a pilot's agent or warden, or None."""
        pilot = self.rng.choice(self.pilots)
        found = [one.pid for one in process_tree.descendants(pilot.pid)]
        words = {"agent": b"pilot.agent\0", "warden": b"pilot.agent.warden\0"}[which]
        return next((pid for pid in found if words in command_line(pid)), None)

    def hurt(self):
        """One fault."""
        kind = self.rng.choice(
            [
                "kill pilot",
                "kill agent",
                "kill warden",
                "kill agent and warden",
                "stop pilot",
                "freeze agent",
                "freeze agent beyond its lease",
                "kill server",
                "freeze server",
                "freeze server beyond a lease",
            ]
        )
        self.faults[kind] += 1
        if kind == "kill server":
            self.server.kill()
            self.server.start()
        elif kind.startswith("freeze server"):
            self.frozen(self.server.child.pid, LEASE_S + 2 if "beyond" in kind else 1)
        elif kind == "kill pilot":
            self.rng.choice(self.pilots).kill()
        elif kind == "stop pilot":
            self.rng.choice(self.pilots).terminate()
        elif kind == "kill agent and warden":
            agent, warden = self.part("agent"), None
            if agent:
                warden = next(
                    (
                        pid
                        for pid in process_tree.children(agent)
                        if b"pilot.agent.warden\0" in command_line(pid)
                    ),
                    None,
                )
            self.signal(agent, signal.SIGSTOP)
            self.signal(warden, signal.SIGKILL)
            self.signal(agent, signal.SIGKILL)
        elif kind.startswith("freeze agent"):
            self.frozen(self.part("agent"), LEASE_S + 2 if "beyond" in kind else 1)
        else:
            self.signal(self.part(kind.split()[1]), signal.SIGKILL)

    def signal(self, pid, signum):
        try:
            if pid:
                os.kill(pid, signum)
        except ProcessLookupError:
            pass

    def frozen(self, pid, seconds):
        self.signal(pid, signal.SIGSTOP)
        moment = time.monotonic() + seconds
        until(lambda: time.monotonic() > moment, seconds + 10)
        self.signal(pid, signal.SIGCONT)

    def done(self):
        with open_pool(self.server.url) as pool:
            return pool.status()["done"]

    def end(self):
        for one in self.pilots:
            one.terminate()
        for one in self.pilots:
            one.wait(timeout=30)
        self.proxy.close()


def test_everything_at_once_loses_nothing_and_runs_nothing_twice_at_once(tmp_path):
    if subprocess.call(["flock", "--version"], stdout=subprocess.DEVNULL):
        pytest.skip("no flock(1) here")
    farm = Farm(tmp_path, random.Random(11))
    try:
        farm.fill()
        began = time.monotonic()
        while time.monotonic() - began < FAULTS_S and farm.done() < TASKS:
            pause = time.monotonic() + farm.rng.uniform(0.3, 1.5)
            until(lambda: time.monotonic() > pause)
            farm.hurt()
            farm.fill()

        def over():
            farm.fill()
            return farm.done() == TASKS
        until(over, max(600.0, 5 * FAULTS_S), "the end of all tasks")
        seconds = time.monotonic() - began
        with open_pool(farm.server.url) as pool:
            outcomes = {
                task["id"]: [attempt["outcome"] for attempt in task["attempts"]]
                for task in pool.export()
            }
    finally:
        farm.end()
        farm.server.kill()
    lines = (tmp_path / "ledger").read_text().splitlines()
    count = collections.Counter(line.split()[0] for line in lines)
    starts, ends = (
        collections.Counter(line.split()[1] for line in lines if line.startswith(sign))
        for sign in "SE"
    )
    told = {
        "tasks": TASKS,
        "seconds": round(seconds),
        "faults": dict(farm.faults),
        "pilots": farm.count,
        "attempts": sum(map(len, outcomes.values())),
        "executions": count["S"],
        "run to the end": count["E"],
        "to the end more than once": sum(number > 1 for number in ends.values()),
        "outcomes": dict(
            collections.Counter(one for all_of_it in outcomes.values() for one in all_of_it)
        ),
    }
    print(json.dumps(told))
    assert count["O"] == 0, [line for line in lines if line.startswith("O")]
    assert len(outcomes) == TASKS
    assert [name for name, found in outcomes.items() if found.count("done") != 1] == []
    assert [name for name in outcomes if not ends[name]] == []  # what is done was run to its end
    # a start in the ledger is an attempt in the pool; the others were never begun, and cost nothing
    assert [name for name, number in starts.items() if number > len(outcomes[name])] == []
    assert not [
        one
        for one in process_tree.everything()
        if process_tree.variable(one.pid, "PILOT_TASK_ID") in outcomes
        and str(tmp_path).encode() in command_line(one.pid)
    ]

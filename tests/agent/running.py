"""Pilots at work, as several tests of the agent look at them."""

import json
import sqlite3
import time

from pilot.base import process_tree
from pilot.pool import open_pool
from tests.conftest import until

PLAN = ("-X", "CheckWorkerNode,LaunchAgent")
STUBBORN = "trap '' TERM; while :; do sleep 1; done"
ESCAPE = "env -i setsid sh -c 'echo $$ > %s/pid.new; mv %s/pid.new %s/pid; exec sleep 300' &\n"


def shown(pilot_ended, task):
    """A task of the pilot's own pool."""
    path = next(pilot_ended.workdir.glob("pilot-*/pool.sqlite"))
    return look("sqlite:%s" % path, task)


def put(url, *tasks):
    """Add tasks to a pool; without a script a task is the command `true`."""
    with open_pool(url) as one:
        one.add(
            [task if "script" in task else dict({"command": ["true"]}, **task) for task in tasks]
        )


def look(url, task):
    with open_pool(url) as one:
        return one.show(task)


def add(server, *tasks):
    put(server.url, *tasks)


def show(server, task):
    return look(server.url, task)


def status_of(url):
    with open_pool(url) as pool:
        return pool.status()


def outcomes(told):
    return [attempt["outcome"] for attempt in told["attempts"]]


def events_of(server, pilot):
    """What the server keeps of a pilot, read beside it."""
    db = sqlite3.connect(str(server.folder / "pool.sqlite.story"))
    rows = db.execute(
        "SELECT seq, kind, body FROM events WHERE pilot = ? ORDER BY seq", (pilot,)
    ).fetchall()
    db.close()
    return [dict(json.loads(body), seq=seq, event=kind) for seq, kind, body in rows]


def gone(pid):
    found = process_tree.look_up(pid)
    return found is None or found.state == "Z"


def sleeper(tmp_path, name="pid"):
    """A script that tells its pid and stays."""
    return "echo $$ > %s/new && mv %s/new %s/%s; exec sleep 300" % ((tmp_path,) * 3 + (name,))


def started(tmp_path, name="pid"):
    return int(until(lambda: (tmp_path / name).exists() and (tmp_path / name).read_text()))


def command_line(pid):
    try:
        with open("/proc/%d/cmdline" % pid, "rb") as stream:
            return stream.read()
    except OSError:
        return b""


def agent_of(child):
    """The agent's pid, and its warden's."""

    def both():
        agents = [
            pid for pid in process_tree.children(child.pid) if b"pilot.agent\0" in command_line(pid)
        ]
        wardens = [
            pid
            for agent in agents
            for pid in process_tree.children(agent)
            if b"pilot.agent.warden" in command_line(pid)
        ]
        return agents + wardens if wardens else None

    return until(both, what="agent and warden")


class BusyPilot:
    """A pilot with a payload that runs until it is ended."""

    def __init__(self, tmp_path, start_pilot, script, *words):
        self.pidfile, self.tmp_path = tmp_path / "payload.pid", tmp_path
        self.pool = "sqlite:%s/pool.sqlite" % tmp_path
        first = "echo $$ > %s.new; mv %s.new %s\n" % ((self.pidfile,) * 3)
        with open_pool(self.pool, create=True, backoff_s=0.01) as pool:
            pool.add([{"id": "a", "script": first + script, "max_attempts": 9}])
        place = str(tmp_path / "w")
        self.child = start_pilot(*PLAN, "--pool", self.pool, "--workdir", place, *words)
        until(self.pidfile.exists, what="the payload's start")
        self.payload = int(self.pidfile.read_text())

    @property
    def agent(self):
        def own():
            below = process_tree.descendants(self.child.pid)
            return [one.pid for one in below if one.parent == self.child.pid]

        return until(own)[0]

    def show(self):
        return look(self.pool, "a")

    @property
    def report(self):
        return json.loads((self.tmp_path / "w" / "pilot-report.json").read_text())


def passed(seconds):
    """Something that is true so many seconds from now: for leases, which nothing but time ends."""
    moment = time.monotonic() + seconds
    return lambda: time.monotonic() > moment

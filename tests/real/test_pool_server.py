"""The pool server under everything that goes wrong: killed in a loop with pilots killed beside it,
fuzzed, without disk."""

import json
import os
import random
import signal
import socket
import subprocess
import sys
import time

import pytest

from pilot.base import process_tree
from pilot.pool import open_pool
from pilot.pool.interface import Busy
from tests.conftest import ROOT, until
from tests.pool.served import Served
from tests.ops.server.test_wire import broken

TASKS = int(os.environ.get("PILOT_KILL_TASKS_SERVED", "5000"))
AGENTS = 8
FUZZ = int(os.environ.get("PILOT_FUZZ", "100000"))


def start_pilot(folder, number, url):
    with open(str(folder / ("out-%d" % number)), "wb") as log:
        return subprocess.Popen(
            [
                sys.executable,
                str(ROOT / "pilot.py"),
                "-X",
                "CheckWorkerNode,LaunchAgent",
                "--pool",
                url,
                "--events",
                url,
                "--pilot-id",
                "p%d" % number,
                "--lease-s",
                "10",
                "--slots",
                "2",
                "--stop-grace-s",
                "1",
                "--idle-s",
                "30",
                "--workdir",
                str(folder / ("w-%d" % number)),
            ],
            stdout=log,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
        )


def test_eight_agents_five_thousand_tasks_kills_of_pilots_and_of_the_server(tmp_path):
    folder = tmp_path / "server"
    folder.mkdir()
    with open_pool("sqlite:%s/pool.sqlite" % folder, create=True, backoff_s=0.1) as pool:
        pool.add(
            [{"id": "t%05d" % n, "command": ["true"], "max_attempts": 50} for n in range(TASKS)]
        )
    server, rng, count = Served(folder), random.Random(4), AGENTS
    pilots = [start_pilot(tmp_path, number, server.url) for number in range(AGENTS)]
    kills, old = 0, []
    try:
        deadline, pause = time.monotonic() + 240, time.monotonic()
        while time.monotonic() < deadline:
            pause += rng.uniform(0.5, 1.5)
            until(lambda: time.monotonic() > pause, what="the time for the next kill")
            at = rng.randrange(AGENTS)
            tree = [
                p.pid
                for p in process_tree.descendants(pilots[at].pid)
                if p.parent == pilots[at].pid
            ] + [pilots[at].pid]
            os.kill(rng.choice(tree), signal.SIGKILL)
            old.append(pilots[at])
            pilots[at] = start_pilot(tmp_path, count, server.url)
            count += 1
            if kills % 2:
                server.kill()
                server.start()
            kills += 1
            with open_pool(server.url) as pool:
                if pool.status()["done"] == TASKS:
                    break
        with open_pool(server.url) as pool:
            until(lambda: pool.status()["done"] == TASKS, 120, "the end of all tasks")
            tasks = list(pool.export())
    finally:
        for pilot in pilots + old:
            pilot.terminate()
        for pilot in pilots + old:
            pilot.wait(timeout=20)
        server.kill()
    double = [
        task["id"]
        for task in tasks
        if [attempt["outcome"] for attempt in task["attempts"]].count("done") != 1
    ]
    assert double == []
    assert len(tasks) == TASKS
    assert kills >= 4
    print(
        json.dumps(
            {
                "tasks": TASKS,
                "kills": kills,
                "attempts": sum(len(task["attempts"]) for task in tasks),
            }
        )
    )


def memory_mb(pid):
    with open("/proc/%d/status" % pid) as stream:
        return int(next(line for line in stream if line.startswith("VmRSS")).split()[1]) / 1024.0


REQUESTS = [
    b'POST /v1/next HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s',
    b'POST /v1/events HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s',
    b'POST /v1/tasks HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s',
    b'POST /v1/renew HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s',
    b'POST /v1/restore HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s',
]
BODIES = [
    b'{"pilot":"p1","finals":[{"task":"a","generation":1,"outcome":"done","reason":"","result":{}}],"offer":{"cores":1,"tags":["a"]},"count":1,"lease_s":30,"request_id":"r1"}',
    b'{"events":[{"pilot":"p1","seq":1,"time":"2026-11-20T00:00:00Z","event":"command finished","command":"X","seconds":1.5,"exit_code":0,"status":"ok"}]}',
    b'{"tasks":[{"id":"fuzz","command":["true"],"tags":["a"],"cores":2,"inputs":["x"],"limits":{"cpu_s":5}}]}',
    b'{"pilot":"p1","leases":[["a",1]],"lease_s":30}',
    b'{"tasks":[{"id":"b","command":["true"],"state":"done","generation":1,"attempts":[{"generation":1,"pilot":"p","started":1.0,"ended":2.0,"outcome":"done","reason":"","result":{}}]}]}',
]
GETS = [
    b"GET /v1/tasks?limit=5&after=x HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET /v1/pilots?site=a&limit=3 HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET /v1/pilots/p1/events?after=1&kind=log HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET /v1/overview?hours=5 HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n",
]


def request(chance):
    """A request with something wrong in its head or in its body."""
    kind = chance.randrange(10)
    # a sound head around a broken body, with its true length: the body is what is looked at
    if kind < 6:
        at = chance.randrange(len(BODIES))
        body = broken(chance, BODIES[at])
        return REQUESTS[at] % (len(body), body)
    if kind < 8:
        return broken(chance, chance.choice(GETS))
    at = chance.randrange(len(BODIES))
    return broken(chance, REQUESTS[at] % (len(BODIES[at]), BODIES[at]))


def test_a_hundred_thousand_broken_requests(tmp_path):
    server, chance, answers = Served(tmp_path), random.Random(20261120), {}
    plain = None
    try:
        for number in range(FUZZ):
            if number == FUZZ // 10:
                early = memory_mb(server.child.pid)
            if plain is None:
                plain = socket.create_connection(server.listen.split(":"), 10)
                plain.settimeout(0.005)
            try:
                plain.sendall(request(chance))
                data = plain.recv(1 << 20)
            except socket.timeout:  # it waits for more, as it may: the next one begins anew
                data = b""
            except OSError:
                data = b""
            status = data[9:12].decode("latin-1")
            answers[status] = answers.get(status, 0) + 1
            if not data or b"Connection: close" in data:
                plain.close()
                plain = None
        grown = memory_mb(server.child.pid) - early
    finally:
        server.kill()
        if plain is not None:
            plain.close()
    print(json.dumps({"answers": answers, "grown_mb": round(grown, 1)}))
    assert "500" not in answers
    assert answers["400"] > FUZZ / 4
    assert "Traceback" not in server.log()
    assert grown < 30


def test_a_full_disk_is_busy_and_what_was_acknowledged_stays(tmp_path):
    if os.geteuid() != 0:
        pytest.skip("needs root to mount a small file system")
    small = tmp_path / "small"
    small.mkdir()
    if subprocess.call(
        ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(small)], stderr=subprocess.DEVNULL
    ):
        pytest.skip("tmpfs cannot be mounted here")
    server = None
    try:
        server = Served(small)
        with open_pool(server.url) as pool:
            added = []
            with pytest.raises(Busy, match="cannot be written"):
                for n in range(100000):
                    pool.add([{"id": "t%d" % n, "command": ["x" * 5000]}])
                    added.append("t%d" % n)
            assert pool.status()["todo"] == len(added)
            server.kill()
            (small / "server.log").write_text("")
            subprocess.check_call(["mount", "-o", "remount,size=30m", str(small)])
            server.start()
            assert sorted(task["id"] for task in pool.export()) == sorted(added) and pool.add(
                [{"id": "more", "command": ["true"]}]
            ) == (1, 0)
        server.kill()
    finally:
        if server is not None:
            server.kill()
        subprocess.check_call(["umount", str(small)])

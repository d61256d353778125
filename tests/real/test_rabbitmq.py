"""The real RabbitMQ in the middle: pilots tell a queue, the feed moves it into the server; killed
and started again nothing is lost."""

import json
import os
import signal
import sqlite3
import subprocess
import sys

import pytest

from tests.conftest import ROOT, until
from tests.real.conftest import build, need, script

PLACE = "stomp://pilots:s3cret@127.0.0.1:16613/queue/pilots"


@pytest.fixture(scope="module")
def rabbit(base):
    need("epmd")
    folder = base / "rmq"
    build("rmq.sh", "up", folder)
    script("rmq.sh", "ctl", folder, "add_user", "pilots", "s3cret")
    script("rmq.sh", "ctl", folder, "set_permissions", "pilots", ".*", ".*", ".*")
    yield folder
    script("rmq.sh", "down", folder)


@pytest.fixture
def feed(server, tmp_path):
    log = open(str(tmp_path / "feed.log"), "wb")
    child = subprocess.Popen(
        [sys.executable, "-m", "pilot.pool", "feed", PLACE, server.url], cwd=str(ROOT), stderr=log
    )
    log.close()
    yield child
    child.terminate()
    child.wait(timeout=20)


def start(tmp_path, name, tasks, place=PLACE, last=(), **environ):
    path = tmp_path / (name + ".jsonl")
    lines = [{"id": "%s-%d" % (name, n), "command": ["sleep", "0.1"]} for n in range(tasks)] + list(
        last
    )
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return subprocess.Popen(
        [
            sys.executable,
            str(ROOT / "pilot.py"),
            "-X",
            "CheckWorkerNode,LaunchAgent",
            "--tasks",
            str(path),
            "--events",
            place,
            "--pilot-id",
            name,
            "--workdir",
            str(tmp_path / name),
            "--slots",
            "1",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=dict(os.environ, **environ),
    )


def kept(server, pilot):
    db = sqlite3.connect(str(server.folder / "pool.sqlite.story"))
    rows = db.execute(
        "SELECT seq, kind FROM events WHERE pilot = ? ORDER BY seq", (pilot,)
    ).fetchall()
    db.close()
    return rows


def written(tmp_path, pilot):
    lines = (tmp_path / pilot / "pilot-events.jsonl").read_text().splitlines()
    return sorted((event["seq"], event["event"]) for event in map(json.loads, lines))


def test_a_story_goes_through_the_queue_to_the_server(rabbit, server, feed, tmp_path):
    child = start(tmp_path, "plain", 5)
    assert child.wait(timeout=60) == 0
    until(lambda: kept(server, "plain") == written(tmp_path, "plain"))


def test_the_same_by_tls(rabbit, server, feed, tmp_path):
    child = start(
        tmp_path,
        "secure",
        3,
        PLACE.replace("stomp://", "stomp+ssl://").replace("127.0.0.1:16613", "localhost:16614"),
        SSL_CERT_FILE=str(rabbit / "tls" / "ca.pem"),
    )
    assert child.wait(timeout=60) == 0
    until(lambda: kept(server, "secure") == written(tmp_path, "secure"))


def test_a_broker_that_does_not_know_us_is_told_and_hurts_nobody(rabbit, tmp_path):
    child = start(tmp_path, "stranger", 1, PLACE.replace("s3cret", "wr0ng"))
    assert child.wait(timeout=60) == 0
    log = (tmp_path / "stranger" / "pilot.log").read_text()
    assert "events did not arrive at stomp://127.0.0.1:16613" in log
    assert "wr0ng" not in log
    assert "Bad CONNECT" in log


def test_killed_and_started_again_all_events_arrive_in_order_of_each_pilot(
    rabbit, server, feed, tmp_path
):
    names = ["p%d" % n for n in range(4)]
    # a pilot that ends without a broker loses events
    wait = {"script": "while ! test -e %s/go; do sleep 0.2; done" % tmp_path, "priority": -1}
    children = [start(tmp_path, name, 120, last=[wait]) for name in names]
    until(lambda: all(kept(server, name) for name in names))
    for _ in range(2):
        os.kill(int((rabbit / "rmq.pid").read_text()), signal.SIGKILL)
        script("rmq.sh", "down", rabbit)
        script("rmq.sh", "up", rabbit)
    until(
        lambda: all(set(written(tmp_path, name)) <= set(kept(server, name)) for name in names),
        180,
        "what was told before",
    )
    (tmp_path / "go").write_text("")
    for child in children:
        assert child.wait(timeout=120) == 0
    until(lambda: all(kept(server, name) == written(tmp_path, name) for name in names), 180)

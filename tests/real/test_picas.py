"""The real picas client from PyPI and a CouchDB-compatible server from npm: its tokens run by our
pilots, ours read by it."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from pilot.base import process_tree
from pilot.pool import open_pool
from tests.conftest import ROOT, until
from tests.real.conftest import build, script

COUCH = "http://127.0.0.1:15984"


@pytest.fixture(scope="module")
def place(base):
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("not installed: node and npm (tests/real/systems/install.sh couch)")
    environ = dict(os.environ, CACHE=str(ROOT / ".real" / "picas"))
    build("picas.sh", "up", base / "couch", env=environ)
    yield Path(environ["CACHE"]) / "venv" / "bin" / "python"
    script("picas.sh", "down", base / "couch", env=environ)


def client(place, verb, name, *words):
    done = subprocess.run(
        [str(place), str(ROOT / "tests" / "real" / "picas_client.py"), verb, COUCH, name]
        + list(words),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr.decode()[-2000:]
    return json.loads(done.stdout.decode().splitlines()[-1])


def pilot(tmp_path, name, *words, wait=True):
    argv = [
        sys.executable,
        str(ROOT / "pilot.py"),
        "-E",
        "picas",
        "-X",
        "CheckWorkerNode,LaunchAgent",
        "--pool",
        "picas+%s/%s" % (COUCH, name),
        "--picas-command",
        "sh -c {input}",
        "--workdir",
        str(tmp_path),
    ] + list(words)
    child = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if not wait:
        return child
    out = child.communicate(timeout=180)[0].decode()
    assert child.returncode == 0, out
    return json.loads((tmp_path / "pilot-report.json").read_text())


def test_tokens_that_picas_made_are_run_and_read_back_by_it(place, tmp_path):
    client(place, "push", "old", "40")
    client(place, "views", "old")
    assert len(client(place, "read", "old")["views"]["todo"]) == 40
    report = pilot(tmp_path, "old", "--slots", "2")
    assert report["tasks"]["done"] == 39
    found = client(place, "read", "old")
    assert len(found["views"]["done"]) == 39
    assert found["views"]["error"] == ["token_007"]
    assert found["views"]["locked"] == found["views"]["todo"] == []
    assert found["attached"]["token_000"] == "result of 0\n"
    assert found["example"]["exit_code"] == 0
    assert found["example"]["hostname"] == os.uname().nodename
    tell = subprocess.check_output(
        [sys.executable, "-m", "pilot.pool", "status", "picas+%s/old" % COUCH], cwd=str(ROOT)
    ).decode()
    assert tell.split() == ["todo", "0", "locked", "0", "done", "39", "error", "1", "held", "0"]
    subprocess.check_call(
        [sys.executable, "-m", "pilot.pool", "retry", "picas+%s/old" % COUCH, "--all"],
        cwd=str(ROOT),
        stdout=subprocess.DEVNULL,
    )
    assert client(place, "read", "old")["views"]["todo"] == ["token_007"]


def test_tokens_that_we_made_are_taken_by_picas_and_none_of_ours_is_run_twice_by_us(
    place, tmp_path
):
    url = "picas+%s/shared" % COUCH
    with open_pool(url, create=True) as pool:
        pool.add([{"id": "t%03d" % n, "command": ["sleep", "0.02"]} for n in range(150)])
    ours = [pilot(tmp_path / str(n), "shared", "--slots", "2", wait=False) for n in range(3)]
    theirs = client(place, "work", "shared")
    for child in ours:
        out = child.communicate(timeout=120)[0].decode()
        assert child.returncode == 0, out
    with open_pool(url) as pool:
        tasks = list(pool.export())
        assert pool.status()["done"] == 150
    done = [
        task["id"] for task in tasks for attempt in task["attempts"] if attempt["outcome"] == "done"
    ]
    assert len(done) == len(set(done))
    assert theirs
    assert len(set(done) | set(theirs)) == 150


def test_a_killed_pilots_tokens_come_back_and_a_stopped_ones_at_once(place, tmp_path):
    url = "picas+%s/killed" % COUCH
    with open_pool(url, create=True) as pool:
        pool.add([{"id": "long", "script": "echo $$ > %s/pid; exec sleep 300" % tmp_path}])
        child = pilot(tmp_path / "a", "killed", "--lease-s", "3", wait=False)
        until(lambda: (tmp_path / "pid").exists())
        agent = [one.pid for one in process_tree.descendants(child.pid) if one.parent == child.pid]
        for pid in [child.pid] + agent:
            os.kill(pid, signal.SIGKILL)
        child.communicate()
        until(lambda: pool.status()["todo"] == 1, 40)
        assert pool.show("long")["attempts"][0]["outcome"] == "lost"
        child = pilot(tmp_path / "b", "killed", "--idle-s", "100", wait=False)
        until(lambda: pool.status()["locked"] == 1, 40)
        child.terminate()
        child.communicate(timeout=20)
        assert child.returncode == 143
        assert pool.status()["todo"] == 1
        assert pool.show("long")["attempts"][1]["outcome"] == "released"

"""Around the agent's process: its orders, its tasks, its story, its end."""

import json
import os
import signal
import subprocess
import sys

from pilot.pool import open_pool
from tests.agent.running import (
    PLAN,
    STUBBORN,
    BusyPilot,
    agent_of,
    gone,
    put,
    sleeper,
    started,
    status_of,
)
from tests.conftest import ROOT, steady, until
from tests.pool.served import Served


def test_tasks_with_a_pool_go_into_that_pool_and_stay_there(run, tmp_path):
    ended = run(
        [{"id": "a", "command": ["true"]}, {"id": "b", "command": ["true"]}],
        "--pool",
        "sqlite:%s/p.sqlite" % tmp_path,
        "--max-tasks",
        "1",
    )
    with open_pool("sqlite:%s/p.sqlite" % tmp_path) as pool:
        assert ended.code == 0
        assert (pool.status()["done"], pool.status()["todo"]) == (1, 1)


def test_a_killed_agent_takes_its_payload_along_and_the_pilot_says_so(tmp_path, start_pilot):
    busy = BusyPilot(tmp_path, start_pilot, STUBBORN, "--lease-s", "3")
    until(lambda: "task started" in (tmp_path / "w" / "pilot-events.jsonl").read_text())
    os.kill(busy.agent, signal.SIGKILL)
    assert busy.child.wait(timeout=60) == 40
    until(lambda: gone(busy.payload), 5, "the payload's end")
    assert "died without a last word" in busy.report["commands"][-1]["reason"]
    until(lambda: status_of(busy.pool)["locked"] == 0, 10, "the lease's end")
    assert json.loads((tmp_path / "w" / "pilot-report.json").read_text())["tasks"]["lost"] == 1


def test_what_agent_and_warden_leave_when_both_are_killed_is_ended_by_the_pilot(
    pool, start_pilot, tmp_path
):
    put(
        pool,
        {
            "id": "a",
            "script": "(env -i setsid sh -c 'echo $$ > %s/stray; exec sleep 300' &) ; " % tmp_path
            + sleeper(tmp_path),
        },
    )
    child = start_pilot(
        *(PLAN + ("--pool", pool, "--workdir", str(tmp_path / "w"), "--stop-grace-s", "0.5"))
    )
    payload, stray = started(tmp_path), started(tmp_path, "stray")
    agent, warden = agent_of(child)
    os.kill(agent, signal.SIGSTOP)  # it shall not replace the warden
    os.kill(warden, signal.SIGKILL)
    os.kill(agent, signal.SIGKILL)
    until(lambda: gone(payload) and gone(stray), what="the payload's end")
    assert child.wait(timeout=20) == 40
    assert "the agent's warden had died, too" in (tmp_path / "w" / "pilot.log").read_text()


def test_a_wrong_token_is_told_at_once(tmp_path, pilot):
    folder = tmp_path / "guarded"
    folder.mkdir()
    subprocess.check_output(
        [sys.executable, "-m", "pilot.pool", "token", str(folder / "tokens"), "admin", "alice"],
        cwd=str(ROOT),
    )
    server = Served(folder, "--tokens", str(folder / "tokens"))
    try:
        ended = pilot(
            "-X",
            "CheckWorkerNode,LaunchAgent",
            "--pool",
            server.url,
            "--pool-token",
            "not-the-right-one",
        )
        assert ended.code == 50
        assert "the token is not known here" in ended.err
        assert "not-the-right-one" not in ended.err + ended.out + str(ended.report)
    finally:
        server.kill()


def test_a_token_file_named_from_here_is_found_by_the_agent_elsewhere(tmp_path, pilot):
    folder = tmp_path / "guarded"
    folder.mkdir()
    token = subprocess.check_output(
        [sys.executable, "-m", "pilot.pool", "token", str(folder / "tokens"), "admin", "alice"],
        cwd=str(ROOT),
    ).decode()
    (tmp_path / "mine").write_text(token)
    (tmp_path / "empty").write_text("")
    server = Served(folder, "--tokens", str(folder / "tokens"))
    try:
        ended = pilot(
            "-X", "CheckWorkerNode,LaunchAgent", "--pool", server.url, "--pool-token-file", "mine"
        )
        assert ended.code == 0, ended.err
        began = steady()
        ended = pilot(
            "-X", "CheckWorkerNode,LaunchAgent", "--pool", server.url, "--pool-token-file", "empty"
        )
        assert ended.code == 50
        assert "/empty is empty" in ended.err
        assert steady() - began < 20
        minted = subprocess.check_output(
            [sys.executable, "-m", "pilot.pool", "mint", server.url, "p9"],
            cwd=str(ROOT),
            env=dict(os.environ, PILOT_POOL_TOKEN=token.strip()),
        )
        ended = pilot(
            "-X",
            "CheckWorkerNode,LaunchAgent",
            "--pool",
            server.url,
            "--pool-token",
            minted.decode().strip(),
            "--pilot-id",
            "another",
        )
        assert ended.code == 50
        assert "the token is pilot p9's" in ended.err
        assert steady() - began < 40
    finally:
        server.kill()

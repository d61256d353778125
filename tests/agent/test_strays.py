"""What a payload leaves to the agent: whose it is, and its end."""

import os
import signal

import pytest

from tests.agent.running import ESCAPE, PLAN, BusyPilot, gone, look, put, shown, started
from tests.conftest import steady, until


def test_what_a_payload_leaves_behind_is_ended_with_it(run, tmp_path):
    script = (
        "(setsid sh -c 'echo $$ > %s/pid; exec sleep 300' &) ; while ! test -s %s/pid; do :; done"
        % (tmp_path, tmp_path)
    )
    ended = run([{"id": "a", "script": script}, {"id": "b", "command": ["sleep", "0.3"]}])
    assert ended.report["tasks"]["done"] == 2
    until(lambda: gone(int((tmp_path / "pid").read_text())), what="the daemon's end")


@pytest.mark.slow
def test_what_hides_its_mark_is_ended_with_a_killed_agent(tmp_path, start_pilot):
    busy = BusyPilot(tmp_path, start_pilot, "(" + ESCAPE % ((tmp_path,) * 3) + ")\nsleep 300")
    hidden = int(until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text()))
    began = steady()
    until(lambda: steady() - began > 2.2, what="two samples")
    os.kill(busy.agent, signal.SIGKILL)
    until(lambda: gone(hidden) and gone(busy.payload), 6, "the end of all")


def test_what_hides_its_mark_lives_as_long_as_its_payload_and_no_longer(run, tmp_path):
    first = (
        "("
        + ESCAPE % ((tmp_path,) * 3)
        + ")\nwhile ! test -s %s/pid; do sleep 0.05; done\nsleep 2.5; kill -0 $(cat %s/pid)"
        % (tmp_path, tmp_path)
    )
    ended = run(
        [{"id": "a", "script": first, "max_attempts": 1}]
        + [{"id": "b%d" % n, "command": ["sleep", "0.3"]} for n in range(4)],
        "--slots",
        "2",
    )
    assert ended.report["tasks"]["done"] == 5, shown(ended, "a")
    until(lambda: gone(int((tmp_path / "pid").read_text())), 5, "the helper's end")


@pytest.mark.parametrize("hide", ["setsid", "env -i setsid"])
def test_a_task_is_over_only_when_its_strays_are_dead(pool, start_pilot, tmp_path, hide):
    stray = "(%s sh -c 'trap \"\" TERM; echo $$ > %s/stray; while :; do sleep 1; done' &)" % (
        hide,
        tmp_path,
    )
    put(
        pool,
        {"id": "long", "script": "trap '' TERM; while :; do sleep 0.1; done", "priority": 5},
        {"id": "a", "script": stray + "; while ! test -s %s/stray; do sleep 0.01; done" % tmp_path},
    )
    child = start_pilot(
        *(PLAN + ("--pool", pool, "--workdir", str(tmp_path / "w"), "--slots", "2"))
    )
    pid = started(tmp_path, "stray")
    until(lambda: look(pool, "a")["state"] == "done")
    assert gone(pid)
    child.terminate()
    assert child.wait(timeout=60) == 143


def test_a_task_is_given_back_only_when_its_strays_are_dead(pool, start_pilot, tmp_path):
    stray = (
        "(setsid sh -c 'trap \"\" TERM; echo $$ > %s/stray; while :; do sleep 1; done' &)"
        % tmp_path
    )
    put(
        pool,
        {"id": "long", "script": "trap '' TERM; while :; do sleep 0.1; done", "priority": 5},
        {"id": "a", "script": stray + "; exec sleep 300"},
    )
    child = start_pilot(
        *(PLAN + ("--pool", pool, "--workdir", str(tmp_path / "w"), "--slots", "2"))
    )
    pid = started(tmp_path, "stray")
    child.terminate()
    until(lambda: look(pool, "a")["state"] == "todo")
    assert gone(pid)
    assert child.wait(timeout=60) == 143

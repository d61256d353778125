"""The agent as pilots run it: real payloads, real pools, real signals."""

import json
import os
import signal
import sqlite3

import pytest

from pilot.pool import open_pool
from tests.agent.running import PLAN, STUBBORN, BusyPilot, gone, put, shown, status_of
from tests.conftest import steady, until


def test_work_is_done_and_counted(run):
    ended = run(
        [
            {"id": "ok", "command": ["echo", "hello"]},
            {"id": "bad", "command": ["sh", "-c", "echo oops >&2; exit 3"], "max_attempts": 1},
        ]
    )
    assert ended.code == 0
    assert ended.report["tasks"] == {"done": 1, "error": 1, "released": 0, "retried": 0, "lost": 0}
    result = shown(ended, "ok")["attempts"][0]["result"]
    assert result["exit_code"] == 0
    assert result["stdout"] == "hello\n"
    assert result["seconds"] < 5
    bad = shown(ended, "bad")
    assert bad["state"] == "error"
    assert bad["reason"] == "exit code 3: oops"
    assert os.path.isdir(bad["attempts"][0]["result"]["folder"])


def test_a_failed_task_is_tried_again_within_the_same_pilot(run, tmp_path):
    script = "test -e %s/second || { touch %s/second; exit 1; }" % (tmp_path, tmp_path)
    ended = run([{"id": "a", "script": script}])
    assert ended.report["tasks"]["done"] == 1
    assert ended.report["tasks"]["retried"] == 1
    assert [attempt["outcome"] for attempt in shown(ended, "a")["attempts"]] == ["error", "done"]


def test_several_payloads_run_at_once_within_the_slot(run, tmp_path):
    meet = (
        "touch %s/$PILOT_TASK_ID; for i in $(seq 500); do"
        " test -e %s/a -a -e %s/b && exit 0; sleep 0.01; done; exit 1" % ((tmp_path,) * 3)
    )
    ended = run(
        [
            {"id": "a", "script": meet, "max_attempts": 1},
            {"id": "b", "script": meet, "max_attempts": 1},
        ],
        "--slots",
        "2",
    )
    assert ended.report["tasks"]["done"] == 2


def test_no_more_than_max_tasks_are_claimed(run):
    ended = run(
        [{"id": "t%d" % n, "command": ["true"]} for n in range(5)],
        "--max-tasks",
        "2",
        "--slots",
        "1",
    )
    assert ended.report["tasks"]["done"] == 2
    assert ended.report["tasks"]["released"] == 0


def test_a_task_claimed_ahead_is_given_back_when_the_slot_stays_busy(run):
    tasks = [
        {"id": "short", "command": ["true"], "priority": 2},
        {"id": "long", "command": ["sleep", "2.5"], "priority": 1},
        {"id": "last", "command": ["true"]},
    ]
    ended = run(tasks, "--slots", "1")
    outcomes = [
        (event["task"], event["outcome"])
        for event in ended.events
        if event["event"] == "task finished"
    ]
    assert outcomes == [("short", "done"), ("last", "returned"), ("long", "done"), ("last", "done")]
    assert ended.report["tasks"] == {"done": 3, "error": 0, "released": 0, "retried": 0, "lost": 0}
    assert [attempt["outcome"] for attempt in shown(ended, "last")["attempts"]] == [
        "returned",
        "done",
    ]
    assert shown(ended, "last")["attempts_used"] == 1


def test_what_was_made_ready_for_a_task_that_is_given_back_goes(run, tmp_path):
    """Four quick tasks, so that the next is claimed ahead, then one that holds the slot: the one
    ahead waits in vain."""
    held = {"id": "t4", "script": "sleep 3", "priority": -1}
    ended = run(
        [{"id": "t%d" % number, "command": ["true"]} for number in range(4)]
        + [held, {"id": "t5", "command": ["true"], "priority": -2}],
        "--slots",
        "1",
    )
    assert ended.report["tasks"] == {"done": 6, "error": 0, "released": 0, "retried": 0, "lost": 0}
    assert [attempt["outcome"] for attempt in shown(ended, "t5")["attempts"]] == [
        "returned",
        "done",
    ]
    assert not [
        name
        for name in os.listdir(str(next(ended.workdir.glob("pilot-*/tasks"))))
        if name.count("-") > 1
    ]


def test_a_drain_file_that_comes_in_mid_run_is_heard(start_pilot, tasks_file, tmp_path):
    """Within two seconds: the payload ends three seconds after it, and the task behind it is not
    begun."""
    drain = tmp_path / "drain"
    tasks = tasks_file(
        {"id": "a", "script": "touch %s; sleep 3" % drain, "priority": 1},
        {"id": "b", "command": ["true"]},
    )
    child = start_pilot(
        *(
            PLAN
            + (
                "--tasks",
                tasks,
                "--slots",
                "1",
                "--drain-files",
                str(drain),
                "--workdir",
                str(tmp_path / "w"),
            )
        )
    )
    assert child.wait(timeout=60) == 0
    assert json.loads((tmp_path / "w" / "pilot-report.json").read_text())["tasks"]["done"] == 1


def test_the_report_tells_the_first_ten_failures(run):
    ended = run(
        [{"id": "t%02d" % number, "command": ["false"], "max_attempts": 1} for number in range(12)],
        "--slots",
        "1",
    )
    failures = ended.report["task_failures"]
    assert len(failures) == 10
    assert {tuple(sorted(row)) for row in failures} == {("folder", "outcome", "reason", "task")}


def test_a_narrow_task_may_overtake_a_wide_one(run):
    tasks = [
        {"id": "first", "script": "sleep 1.5", "priority": 9},
        {"id": "wide", "command": ["true"], "cores": 2, "priority": 5},
        {"id": "narrow", "command": ["true"]},
    ]
    ended = run(tasks, "--slots", "2", env=dict(os.environ, TardisDroneCores="2"))
    order = [event["task"] for event in ended.events if event["event"] == "task started"]
    assert ended.report["tasks"]["done"] == 3
    assert order.index("narrow") < order.index("wide")


def test_a_drain_file_lets_payloads_finish_and_claims_nothing(run, tmp_path):
    (tmp_path / "drain").write_text("")
    ended = run([{"id": "a", "command": ["true"]}], "--drain-files", str(tmp_path / "drain"))
    assert ended.code == 0
    assert shown(ended, "a")["state"] == "todo"
    assert "drain file" in ended.err


@pytest.mark.parametrize("script", ["sleep 300", STUBBORN])
def test_sigterm_ends_all_within_five_seconds_and_gives_the_task_back(
    tmp_path, start_pilot, script
):
    busy = BusyPilot(tmp_path, start_pilot, script)
    began = steady()
    busy.child.send_signal(signal.SIGTERM)
    until(
        lambda: (tmp_path / "w" / "pilot-report.json").exists(),
        1.0,
        "the essential report within a second",
    )
    assert busy.child.wait(timeout=60) == 143
    assert steady() - began < 5
    assert gone(busy.payload)
    found = busy.show()
    assert found["state"] == "todo"
    assert found["attempts_used"] == 0
    assert found["attempts"][0]["outcome"] == "released"
    assert busy.report["exit_code"] == 143
    assert busy.report["tasks"]["released"] == 1
    assert busy.report["commands"][-1]["status"] == "interrupted"


def test_a_second_signal_hurries(tmp_path, start_pilot):
    busy = BusyPilot(tmp_path, start_pilot, STUBBORN, "--stop-grace-s", "4")
    began = steady()
    busy.child.send_signal(signal.SIGINT)
    until(lambda: (tmp_path / "w" / "pilot-report.json").exists())
    busy.child.send_signal(signal.SIGTERM)
    assert busy.child.wait(timeout=60) == 130
    assert steady() - began < 3.9
    assert busy.show()["state"] == "todo"


@pytest.mark.parametrize("signum", [signal.SIGUSR1, signal.SIGUSR2])
def test_a_drain_signal_lets_the_payload_finish(tmp_path, start_pilot, signum):
    busy = BusyPilot(
        tmp_path,
        start_pilot,
        "while ! test -e %s/go; do sleep 0.05; done" % tmp_path,
        "--idle-s",
        "600",
    )
    busy.child.send_signal(signum)
    until(lambda: "draining" in (tmp_path / "w" / "pilot.log").read_text())
    assert not gone(busy.payload)
    (tmp_path / "go").write_text("")
    assert busy.child.wait(timeout=20) == 0
    assert busy.show()["state"] == "done"


def test_a_killed_pilot_takes_its_payload_along(tmp_path, start_pilot):
    busy = BusyPilot(tmp_path, start_pilot, STUBBORN)
    agent = busy.agent
    os.kill(busy.child.pid, signal.SIGKILL)
    until(lambda: gone(busy.payload), 5, "the payload's end")
    until(lambda: gone(agent), 5, "the agent's end")
    assert busy.show()["state"] == "todo"  # the agent gave it back


def test_a_pool_that_is_busy_for_a_while_loses_nothing(tmp_path, start_pilot):
    busy = BusyPilot(tmp_path, start_pilot, "while ! test -e %s/go; do sleep 0.05; done" % tmp_path)
    hog = sqlite3.connect(str(tmp_path / "pool.sqlite"), isolation_level=None)
    hog.execute("BEGIN EXCLUSIVE")
    (tmp_path / "go").write_text("")
    until(lambda: gone(busy.payload))
    hog.execute("ROLLBACK")
    hog.close()
    assert busy.child.wait(timeout=30) == 0
    assert busy.show()["state"] == "done"


def test_idle_agents_wait_for_new_tasks(tmp_path, start_pilot):
    busy = BusyPilot(tmp_path, start_pilot, "true", "--idle-s", "600")
    until(lambda: status_of(busy.pool)["done"] == 1)
    pool = open_pool(busy.pool)
    pool.add([{"id": "later", "command": ["true"]}])
    pool.close()
    until(lambda: status_of(busy.pool)["done"] == 2)
    busy.child.send_signal(signal.SIGTERM)
    assert busy.child.wait(timeout=60) == 143


def test_a_drain_before_the_agent_listens_claims_nothing_and_kills_nobody(
    tmp_path, start_pilot, tasks_file
):
    (tmp_path / "probe").write_text(
        "#!/bin/sh\ntouch %s/probing; while ! test -e %s/go; do sleep 0.05; done\n"
        % (tmp_path, tmp_path)
    )
    child = start_pilot(
        "-X",
        "CheckWorkerNode,RunProbes,LaunchAgent",
        "--probes",
        "probe",
        "--tasks",
        tasks_file({"id": "a", "command": ["true"]}),
        "--workdir",
        str(tmp_path),
    )
    until((tmp_path / "probing").exists)
    child.send_signal(signal.SIGUSR1)
    (tmp_path / "go").write_text("")
    assert child.wait(timeout=20) == 0
    report = json.loads((tmp_path / "pilot-report.json").read_text())
    assert report["commands"][-1]["status"] == "skipped"
    assert "asked to drain" in report["commands"][-1]["reason"]
    assert report["tasks"]["done"] == 0
    assert "SIGUSR1: draining" in (tmp_path / "pilot.log").read_text()


def test_a_flood_of_tasks_that_cannot_start_does_not_deafen_the_agent(
    tmp_path, start_pilot, tasks_file
):
    path = tasks_file(
        *[{"id": "t%d" % n, "command": ["/no/program"], "max_attempts": 1} for n in range(20000)]
    )
    child = start_pilot(*(PLAN + ("--tasks", path, "--workdir", str(tmp_path))))
    until(
        lambda: (tmp_path / "pilot-events.jsonl").exists()
        and "task finished" in (tmp_path / "pilot-events.jsonl").read_text(),
        30,
    )
    began = steady()
    child.send_signal(signal.SIGTERM)
    assert child.wait(timeout=60) == 143
    assert steady() - began < 5
    pool = open_pool("sqlite:%s" % next(tmp_path.glob("pilot-*/pool.sqlite")))
    counts = pool.status()
    pool.close()
    assert counts["locked"] == 0
    assert (
        json.loads((tmp_path / "pilot-report.json").read_text())["tasks"]["error"]
        == counts["error"]
        > 0
    )


@pytest.mark.slow
def test_a_pool_that_stays_locked_is_exit_code_50(pilot, tmp_path):
    url = "sqlite:%s/pool.sqlite" % tmp_path
    open_pool(url, create=True).close()
    hog = sqlite3.connect(str(tmp_path / "pool.sqlite"), isolation_level=None)
    hog.execute("BEGIN EXCLUSIVE")
    ended = pilot(*(PLAN + ("--pool", url)))
    hog.close()
    assert ended.code == 50
    assert "locked" in ended.report["commands"][-1]["reason"]


def test_an_agent_that_waits_for_work_says_so_once(pool, start_pilot, tmp_path):
    """Each time that it has no work, and why."""
    put(pool, {"id": "big", "script": "true", "cores": 4000})
    child = start_pilot(*PLAN, "--pool", pool, "--workdir", tmp_path / "w", "--idle-s", "60")

    def told():
        path = tmp_path / "w" / "pilot-events.jsonl"
        lines = path.read_text().splitlines() if path.exists() else []
        events = [json.loads(line) for line in lines if line.endswith("}")]
        return [one["reason"] for one in events if one["event"] == "agent idle"]

    until(lambda: len(told()) == 1, what="the first word")
    put(pool, {"id": "a", "script": "true"})
    until(lambda: len(told()) == 2, what="the second word")
    assert told() == ["tasks left that cannot run here: 1"] * 2
    child.terminate()
    child.wait(timeout=60)

"""What a running payload uses."""

import json
import signal
import sys
import time

import pytest

from pilot.agent import limits, watch
from pilot.base import process_tree
from tests.agent.running import PLAN, gone, look, put, shown
from tests.conftest import steady, until


@pytest.mark.parametrize(
    "late, cpu_s, owed",
    [(100.0, 0.5, 100.0), (100.0, 60.0, 0.0), (2.0, 0.0, 0.0)],
    ids=["suspended", "a busy machine", "a little late"],
)
def test_only_a_gap_without_cpu_time_is_a_suspension(monkeypatch, late, cpu_s, owed):
    clock, used = [1000.0], [process_tree.Usage(1, 5.0, 1.0)]
    monkeypatch.setattr(watch.time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(watch.process_tree, "total", lambda tree: used[0])
    seen = watch.Watch(limits.limits_of({}))
    seen.begin()
    clock[0] += 1
    assert seen.asleep_now([]) == 0
    clock[0] += watch.SAMPLE_S + late
    used[0] = process_tree.Usage(1, 5.0 + cpu_s, 1.0)
    assert seen.asleep_now([]) == pytest.approx(owed)
    assert seen.asleep_now([]) == 0


@pytest.mark.parametrize(
    "limits, text, words",
    [
        ({"walltime_s": 0.5}, "sleep 60", "wall time limit passed: allowed 0.5 s"),
        (
            {"memory_mb": 60},
            "python3 -c 'x = bytearray(200 << 20); import time; time.sleep(60)'",
            "memory limit passed",
        ),
        ({"limits": {"cpu_s": 1}}, "while :; do :; done", "CPU time limit passed"),
        (
            {"limits": {"disk_mb": 5}},
            "head -c 20000000 /dev/zero > big; sleep 60",
            "disk limit passed",
        ),
        (
            {"limits": {"output_mb": 1}},
            "head -c 5000000 /dev/zero; sleep 60",
            "output limit passed",
        ),
        ({"limits": {"silence_s": 1}}, "echo x; sleep 60", "silence limit passed"),
    ],
)
def test_each_limit_ends_the_whole_tree_with_its_reason(run, tmp_path, limits, text, words):
    began = steady()
    script = (
        "setsid sh -c 'echo $$ > %s/pid; exec sleep 300' &\n"
        "while ! test -s %s/pid; do :; done\n%s\n" % (tmp_path, tmp_path, text)
    )
    ended = run(
        [dict({"id": "a", "script": script, "max_attempts": 1}, **limits)], "--stop-grace-s", "0.3"
    )
    assert words in shown(ended, "a")["reason"]
    assert steady() - began < 20
    until(lambda: gone(int((tmp_path / "pid").read_text())), what="the escaped child's end")


def test_limits_count_what_went_to_another_session(run, tmp_path):
    script = (
        "(setsid python3 -c 'x = bytearray(300 << 20); import time; time.sleep(60)' &)\nsleep 60"
    )
    ended = run(
        [{"id": "a", "script": script, "memory_mb": 100, "max_attempts": 1}],
        "--stop-grace-s",
        "0.3",
    )
    assert "memory limit passed" in shown(ended, "a")["reason"]


@pytest.mark.slow
def test_time_in_which_the_slot_was_suspended_does_not_count(start_pilot, tasks_file, tmp_path):
    """As BOINC, HTCondor and docker pause do it: everything stands, and goes on later."""
    script = (
        "echo $$ > %s/new; mv %s/new %s/pid;"
        " i=0; while [ $i -lt 12 ]; do sleep 0.1; i=$((i+1)); done" % ((tmp_path,) * 3)
    )
    child = start_pilot(
        "-X",
        "CheckWorkerNode,LaunchAgent",
        "--tasks",
        tasks_file(
            {
                "id": "a",
                "script": script,
                "max_attempts": 1,
                "walltime_s": 3,
                "limits": {"silence_s": 3},
            }
        ),
        "--lease-s",
        "3",
        "--workdir",
        "w",
    )
    until((tmp_path / "pid").exists, what="the payload")
    stopped = process_tree.descendants(child.pid)
    process_tree.send(stopped, signal.SIGSTOP)
    time.sleep(6)  # that time passes is what is tested
    process_tree.send(stopped, signal.SIGCONT)
    assert child.wait(timeout=30) == 0
    assert json.loads((tmp_path / "w" / "pilot-report.json").read_text())["tasks"]["done"] == 1


def test_what_grows_fast_is_ended_soon(pool, pilot):
    fast = "import time\nx = []\nwhile True:\n x.append(b'x' * 5000000); time.sleep(0.005)"
    put(
        pool,
        {
            "id": "hog",
            "command": [sys.executable, "-c", fast],
            "limits": {"memory_mb": 200},
            "max_attempts": 1,
        },
    )
    assert pilot(*(PLAN + ("--pool", pool))).code == 0
    told = look(pool, "hog")
    assert told["reason"].startswith("memory limit passed")
    assert told["attempts"][0]["result"]["max_rss_mb"] < 600

"""A pilot's whole life, as its starter sees it."""

import json
import os
import re
import signal
import subprocess
import sys

import pytest

from pilot.engine.life import new_id
from tests.conftest import ROOT, until


def test_the_first_command_of_the_readme(tmp_path):
    done = subprocess.run(
        [
            sys.executable,
            str(ROOT / "pilot.py"),
            "--tasks",
            str(ROOT / "examples" / "tasks.jsonl"),
            "--fast",
        ],
        cwd=str(tmp_path),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert done.returncode == 0, done.stderr
    report = json.loads((tmp_path / "pilot-report.json").read_text())
    assert [row["command"] for row in report["commands"]] == [
        "CheckWorkerNode",
        "Install",
        "Configure",
        "CPUNormalization",
        "LaunchAgent",
    ]
    assert all(row["status"] == "ok" for row in report["commands"])
    assert report["tasks"]["done"] == 5
    assert report["tasks"]["error"] == 0
    text = done.stdout.decode()
    assert "5 done, 0 failed" in text
    assert str(tmp_path / "pilot-report.json") in text
    assert "Exit code 0" in text


def test_the_report_has_everything_that_was_set_with_its_source(pilot, tmp_path):
    (tmp_path / "pilot.json").write_text(
        json.dumps(
            {"Defaults": {"min_cores": 1, "site": "S"}, "CEs": {"ce1": {"min_memory_mb": 1}}}
        )
    )
    ended = pilot(
        "-X",
        "CheckWorkerNode",
        "--ce",
        "ce1",
        "--min-disk-mb",
        "1",
        env=dict(os.environ, PILOT_QUEUE="q"),
    )
    sources = {
        name: ended.report["settings"][name]["source"]
        for name in ("min_cores", "min_memory_mb", "min_disk_mb", "queue", "vo")
    }
    assert sources == {
        "min_cores": "pilot.json: Defaults",
        "min_memory_mb": "pilot.json: CEs/ce1",
        "min_disk_mb": "command line",
        "queue": "environment",
        "vo": "default",
    }
    assert ended.report["settings"]["min_disk_mb"]["value"] == 1


def test_the_first_failure_ends_the_pilot_and_the_rest_is_told_as_not_run(pilot):
    ended = pilot("-X", "CheckWorkerNode,Configure", "--min-cores", "9999")
    assert ended.code == 10
    assert [row["status"] for row in ended.report["commands"]] == ["failed", "skipped",]
    assert ended.report["commands"][1]["reason"] == "not run: CheckWorkerNode failed"
    assert "9999 needed" in ended.out


def test_events_tell_the_story_in_order(pilot):
    ended = pilot("-X", "CheckWorkerNode", "--pilot-id", "p-1")
    assert [event["event"] for event in ended.events] == [
        "pilot started",
        "command started",
        "fact found",
        "command finished",
        "pilot finished",
    ]
    assert [event["seq"] - ended.events[0]["seq"] for event in ended.events] == [0, 1, 2, 3, 4,]
    assert {event["pilot"] for event in ended.events} == {"p-1"}


def test_a_second_place_for_events(pilot, tmp_path):
    pilot("-X", "CheckWorkerNode", "--events", "file:%s" % (tmp_path / "more"))
    assert len((tmp_path / "more").read_text().splitlines()) == 5


@pytest.mark.parametrize(
    "signum", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGXCPU]
)
def test_a_stop_signal_in_any_command_ends_with_128_plus_n(start_pilot, tmp_path, signum):
    (tmp_path / "probe").write_text("#!/bin/sh\necho $$ > %s/pid; exec sleep 300\n" % tmp_path)
    child = start_pilot("-X", "RunProbes", "--probes", "probe", "--workdir", str(tmp_path))
    until((tmp_path / "pid").exists)
    child.send_signal(signum)
    assert child.wait(timeout=60) == 128 + signum
    report = json.loads((tmp_path / "pilot-report.json").read_text())
    assert report["exit_code"] == 128 + signum
    assert report["commands"][0]["status"] == "interrupted"
    events = [
        json.loads(line)["event"]
        for line in (tmp_path / "pilot-events.jsonl").read_text().splitlines()
    ]
    assert "pilot stopping" in events
    assert events[-1] == "pilot finished"


def test_a_command_over_its_limit_is_ended_with_its_own_code(pilot, tmp_path):
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "probe").write_text("#!/bin/sh\nsleep 300\n")
    ended = pilot("-X", "RunProbes", "--probes", "probe", "--time-limits", "RunProbes=0.01m")
    assert ended.code == 10
    assert ended.status("RunProbes") == "timed out"


def test_secrets_are_nowhere(pilot):
    ended = pilot(
        "-X",
        "CheckWorkerNode,RegisterPilot",
        "--debug",
        env=dict(os.environ, PILOT_REGISTER_TOKEN="hunter22"),
    )
    left = "".join(path.read_text() for path in ended.workdir.iterdir() if path.is_file())
    assert ended.code == 0
    assert "hunter22" not in left + ended.out + ended.err
    assert "********" in left


def test_the_workdir_is_made(pilot, tmp_path):
    assert pilot("-X", "CheckWorkerNode", workdir=tmp_path / "a" / "b").code == 0


def test_max_walltime_bounds_every_command(pilot, tmp_path):
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "probe").write_text("#!/bin/sh\nsleep 300\n")
    ended = pilot("-X", "RunProbes,CheckWorkerNode", "--probes", "probe", "--max-walltime", "0.5")
    assert ended.code == 60
    assert ended.report["commands"][0]["status"] == "timed out"


def test_ignored_child_signals_are_no_harm(tmp_path):
    code = (
        "import os, signal, sys; signal.signal(signal.SIGCHLD, signal.SIG_IGN)\n"
        "os.execv(sys.executable, [sys.executable] + sys.argv[1:])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(ROOT / "pilot.py"), "-X", "CheckWorkerNode"],
        cwd=str(tmp_path),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert done.returncode == 0, done.stderr


def test_passwords_in_urls_are_nowhere(pilot):
    ended = pilot(
        "-X",
        "Install",
        "--install",
        "archive:http://user:hunter2pw@127.0.0.1:1/x.tgz",
        "--install-timeout-s",
        "5",
    )
    left = "".join(path.read_text() for path in ended.workdir.iterdir() if path.is_file())
    assert ended.code == 20
    assert "hunter2pw" not in left + ended.out + ended.err
    assert (
        "hunter2pw"
        not in pilot(
            "--plan",
            "-X",
            "Install",
            "--install",
            "archive:http://user:hunter2pw@127.0.0.1:1/x.tgz",
        ).out
    )


def test_the_reports_folder_is_made(pilot, tmp_path):
    pilot("-X", "CheckWorkerNode", "--report", str(tmp_path / "a" / "b" / "r.json"))
    assert json.loads((tmp_path / "a" / "b" / "r.json").read_text())["exit_code"] == 0


def test_ids_are_random_uuids():
    assert re.match(
        r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$", new_id()
    )
    assert len({new_id() for _ in range(100)}) == 100


def test_the_log_is_debug_and_the_console_is_not(pilot):
    ended = pilot("-X", "CheckWorkerNode")
    assert "DEBUG" not in ended.err
    assert "DEBUG" in (ended.workdir / "pilot.log").read_text()
    assert len(ended.err.splitlines()) <= 5
    assert "DEBUG" in pilot("-X", "CheckWorkerNode", "--debug").err

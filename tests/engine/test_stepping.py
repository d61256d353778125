"""--step: a person is asked before each command."""

import io
import json
import os
import signal
import subprocess
import sys

import pytest

from commands.check_worker_node import CheckWorkerNode
from pilot.engine.stepping import ask_to_run
from pilot.errors import Stopped
from tests.conftest import ROOT


@pytest.mark.parametrize(
    "answers, statuses, code",
    [
        (b"\n\n", ["ok", "ok"], 0),
        (b"s\n\n", ["skipped", "ok"], 0),
        (b"\nq\n", ["ok", "interrupted"], 130),
        (b"", ["interrupted", "skipped"], 130),
    ],
)
def test_step_by_step(tmp_path, answers, statuses, code):
    (tmp_path / "p").write_text("#!/bin/sh\necho fine\n")
    done = subprocess.run(
        [
            sys.executable,
            str(ROOT / "pilot.py"),
            "-X",
            "RunProbes,CheckWorkerNode",
            "--probes",
            "p",
            "--step",
        ],
        cwd=str(tmp_path),
        input=answers,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    report = json.loads((tmp_path / "pilot-report.json").read_text())
    assert done.returncode == code
    assert [row["status"] for row in report["commands"]] == statuses


def test_a_signal_at_the_prompt_stops_the_pilot(tmp_path):
    read, write = os.pipe()
    with open(read) as prompt:
        child = subprocess.Popen(
            [sys.executable, str(ROOT / "pilot.py"), "-X", "CheckWorkerNode", "--step"],
            cwd=str(tmp_path),
            stdin=prompt,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
    try:
        assert b"CheckWorkerNode" in child.stdout.readline()
        child.send_signal(signal.SIGINT)
        assert child.wait(timeout=60) == 130
    finally:
        child.kill()
        child.stdout.close()
        os.close(write)
    assert (
        json.loads((tmp_path / "pilot-report.json").read_text())["commands"][0]["status"]
        == "interrupted"
    )


@pytest.mark.parametrize(
    "answer, run",
    [("\n", True), ("yes\n", True), ("s\n", False), (" Skip \n", False), ("NO\n", False)],
)
def test_a_command_runs_unless_it_is_skipped(monkeypatch, answer, run):
    monkeypatch.setattr(sys, "stdin", io.StringIO(answer))
    assert ask_to_run(CheckWorkerNode) is run


@pytest.mark.parametrize("answer", ["q\n", "QUIT\n", ""])
def test_who_quits_or_has_gone_stops_the_pilot_as_ctrl_c_does(monkeypatch, answer):
    monkeypatch.setattr(sys, "stdin", io.StringIO(answer))
    with pytest.raises(Stopped) as stopped:
        ask_to_run(CheckWorkerNode)
    assert stopped.value.signum == signal.SIGINT


def test_the_question_tells_what_the_command_does(monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdin", io.StringIO("\n"))
    ask_to_run(CheckWorkerNode)
    asked = capsys.readouterr().out.splitlines()
    assert asked[0] == "CheckWorkerNode: " + CheckWorkerNode.__doc__.split("\n")[0]
    assert asked[1] == "  [Enter] run, s skip, q quit: "

"""What a pilot leaves in $JOBOUTPUTS."""

import json
import os
import signal
import subprocess
import sys

import pytest

from pilot.hosts import vac
from tests.conftest import ROOT, until
from tests.base.test_fetch import Server


@pytest.mark.parametrize(
    "code, tasks, asked, number",
    [
        (0, 3, True, 200),
        (0, 0, True, 300),
        (0, 0, False, 200),
        (10, 0, True, 500),
        (2, 0, True, 600),
        (40, 1, True, 700),
        (50, 0, True, 700),
        (60, 1, True, 200),
        (143, 1, True, 100),
        (99, 0, True, 600),
        (1, 0, True, 600),
        (20, 0, True, 700),
        (30, 0, True, 600),
    ],
)
def test_every_exit_code_has_its_message(code, tasks, asked, number):
    text = vac.message(code, tasks, asked)
    assert text.startswith("%d " % number)
    assert "\n" not in text


@pytest.mark.parametrize(
    "text, found",
    [
        ("/var/spool/joboutputs/", "/var/spool/joboutputs"),
        ("file:///x", "/x"),
        ("http://h/jo", "http://h/jo"),
        ("", None),
        ("relative", None),
    ],
)
def test_the_place_is_a_folder_or_a_url(text, found):
    assert vac.place({"JOBOUTPUTS": text}) == found


@pytest.mark.parametrize(
    "words, code",
    [
        (["-X", "Nope"], 2),
        (["--min-cores", "x"], 2),
        (["-F", "broken.json"], 2),
        (["-X", "CheckWorkerNode", "--workdir", "/proc/nope"], 10),
    ],
)
def test_every_end_has_its_message_and_its_report(pilot, tmp_path, words, code):
    (tmp_path / "jo").mkdir()
    (tmp_path / "broken.json").write_text("{")
    ended = pilot(
        *words,
        "--report",
        str(tmp_path / "r.json"),
        workdir=None,
        env=dict(os.environ, JOBOUTPUTS=str(tmp_path / "jo")),
    )
    assert ended.code == code
    assert (tmp_path / "jo" / "shutdown_message").read_text().startswith(
        "%d " % {2: 600, 10: 500}[code]
    )
    assert (tmp_path / "jo" / "heartbeat").exists()
    assert json.loads((tmp_path / "r.json").read_text())["exit_code"] == code


def test_a_working_directory_that_is_gone_is_told_too(tmp_path):
    (tmp_path / "jo").mkdir()
    (tmp_path / "gone").mkdir()
    text = 'cd gone && rmdir ../gone && exec %s %s -X CheckWorkerNode --report %s/r.json' % (
        sys.executable,
        ROOT / "pilot.py",
        tmp_path,
    )
    assert (
        subprocess.call(
            ["sh", "-c", text],
            cwd=str(tmp_path),
            env=dict(os.environ, JOBOUTPUTS=str(tmp_path / "jo")),
        )
        == 10
    )
    assert (tmp_path / "jo" / "shutdown_message").read_text().startswith("500 ")
    assert json.loads((tmp_path / "r.json").read_text())["exit_code"] == 10


def test_a_pilot_leaves_heartbeat_and_message_in_a_folder(pilot, tmp_path):
    (tmp_path / "jo").mkdir()
    ended = pilot(
        "-X",
        "CheckWorkerNode",
        "--min-cores",
        "9999",
        env=dict(os.environ, JOBOUTPUTS=str(tmp_path / "jo")),
    )
    assert ended.code == 10
    assert (tmp_path / "jo" / "shutdown_message").read_text().startswith("500 ")
    assert len((tmp_path / "jo" / "heartbeat").read_text().split()) == 5
    assert sorted(path.name for path in (tmp_path / "jo").iterdir()) == [
        "heartbeat",
        "shutdown_message",
    ]


def test_a_pilot_puts_them_behind_a_url(pilot):
    server = Server()
    server.replies = [(200, b"", None)]
    assert pilot("-X", "CheckWorkerNode", env=dict(os.environ, JOBOUTPUTS=server.url)).code == 0
    until(lambda: len(server.seen) >= 2)
    puts = {path: body for method, path, body in server.seen if method == "PUT"}
    server.close()
    assert puts["/file/shutdown_message"].startswith(b"200 ")
    assert not puts["/file/shutdown_message"].endswith(b"\n")
    assert "/file/heartbeat" in puts


def test_a_place_that_cannot_be_written_is_a_warning(pilot):
    ended = pilot("-X", "CheckWorkerNode", env=dict(os.environ, JOBOUTPUTS="/no/such/folder"))
    assert ended.code == 0
    assert "shutdown_message could not be written" in ended.err


def test_the_heart_beats_until_it_is_stopped(tmp_path):
    heart = vac.JobOutputs(str(tmp_path), 0.01)
    first = until(
        lambda: (tmp_path / "heartbeat").exists() and (tmp_path / "heartbeat").stat().st_mtime_ns
    )
    until(lambda: (tmp_path / "heartbeat").stat().st_mtime_ns != first)
    assert heart.close(0, 1, True) is None
    assert (tmp_path / "shutdown_message").read_text().startswith("200 ")


def test_a_stopped_pilot_says_who_asked(start_pilot, tmp_path):
    (tmp_path / "probe").write_text("#!/bin/sh\ntouch %s/started; exec sleep 300\n" % tmp_path)
    (tmp_path / "jo").mkdir()
    child = start_pilot(
        "-X",
        "RunProbes",
        "--probes",
        "probe",
        "--workdir",
        str(tmp_path),
        env=dict(os.environ, JOBOUTPUTS=str(tmp_path / "jo")),
    )
    until((tmp_path / "started").exists)
    child.send_signal(signal.SIGTERM)
    assert child.wait(timeout=60) == 143
    assert (tmp_path / "jo" / "shutdown_message").read_text().startswith("100 ")

"""What `pilot.ship arc` writes, submitted to a real ARC CE by its own client."""

import json
import os
import subprocess
import sys

import pytest

from tests.conftest import ROOT, until
from tests.real.conftest import build, need, script

NET = "pilot-arc"


@pytest.fixture(scope="module")
def arc(base):
    need("arcsub", "arched", "ip", "openssl", "curl")
    build("netns.sh", "up", NET)
    inside = ["ip", "netns", "exec", NET]
    done = subprocess.run(
        inside + [str(ROOT / "tests/real/systems/arc.sh"), "up", str(base / "arc")],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=200,
    )
    if done.returncode:
        script("netns.sh", "down", NET)
        pytest.skip("ARC does not start here: %s" % done.stdout.decode()[-200:])
    (base / "home" / ".arc").mkdir(parents=True)

    def client(name, *words, cwd=None):
        done = subprocess.run(
            inside + [name, "-z", str(base / "arc/user/client.conf")] + list(words),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=120,
            cwd=cwd,
            env=dict(os.environ, HOME=str(base / "home")),
        )
        return done.returncode, done.stdout.decode()
    code, out = client("arcproxy")
    assert code == 0, out
    yield client
    subprocess.call(
        inside + [str(ROOT / "tests/real/systems/arc.sh"), "down", str(base / "arc")],
        stdout=subprocess.DEVNULL,
    )
    script("netns.sh", "down", NET)


def submit(arc, folder, *words):
    subprocess.check_call(
        [
            sys.executable,
            "-m",
            "pilot.ship",
            "arc",
            "-o",
            str(folder),
            "--cores",
            "1",
            "--walltime",
            "600",
            "--",
            "-X",
            "CheckWorkerNode,Configure",
        ]
        + list(words),
        cwd=str(ROOT),
        stdout=subprocess.DEVNULL,
    )
    code, out = arc(
        "arcsub",
        "-C",
        "https://localhost:16443/arex",
        "-T",
        "arcrest",
        "-Q",
        "NONE",
        "pilot.xrsl",
        cwd=str(folder),
    )
    assert code == 0 and "jobid" in out, out
    return out.split("jobid:")[1].split()[0]


def ended(arc, job):
    def over():
        told = arc("arcstat", job)[1]
        return told if "Finished" in told or "Failed" in told else ""
    return until(over, 150, "the end of %s" % job)


def test_a_pilot_is_run_and_its_report_comes_back(arc, tmp_path):
    job = submit(arc, tmp_path / "good")
    told = ended(arc, job)
    assert "Finished" in told and "Exit Code: 0" in told, told
    code, out = arc("arcget", "-D", str(tmp_path / "back"), job)
    assert code == 0, out
    report = json.loads(next((tmp_path / "back").rglob("pilot-report.json")).read_text())
    assert report["exit_code"] == 0
    assert report["settings"]["max_walltime"]["value"] == 600
    assert next((tmp_path / "back").rglob("pilot.log")).read_text()


def test_the_exit_code_of_an_unfit_node_is_arcs_too(arc, tmp_path):
    job = submit(arc, tmp_path / "bad", "--min-memory-mb", "99999999")
    told = ended(arc, job)
    assert "Failed" in told and "10" in told, told

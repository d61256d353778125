"""Machine/Job Features and job outputs at the address that virtual machines have for them, in a
network of its own."""

import json
import os
import subprocess
import sys
import time

import pytest

from tests.conftest import ROOT
from tests.extensions.pilot_dirac.dirac_client import Client
from tests.real.conftest import SYSTEMS, need
from tests.test_deadline import make_sick_python, words_of

HERE = "http://169.254.169.254"


@pytest.fixture
def machine(tmp_path):
    """Runs a pilot where the features are these; gives its end, its output, and what it has PUT."""
    need("unshare", "ip")
    store = tmp_path / "store"

    def run(tasks, *words, notice=None, plan="CheckWorkerNode,LaunchAgent", python=sys.executable, **features):
        for place, text in (notice or {}).items():
            (store / place).parent.mkdir(parents=True, exist_ok=True)
            (store / place).write_text(text)
        (store / "jobfeatures").mkdir(parents=True)
        for name, value in features.items():
            (store / "jobfeatures" / name).write_text(str(value))
        path = tmp_path / "tasks.jsonl"
        path.write_text("".join(json.dumps(task) + "\n" for task in tasks or ()))
        words += () if tasks is None else ("--tasks", str(path))
        environ = dict(
            os.environ,
            MACHINEFEATURES=HERE + "/machinefeatures",
            JOBFEATURES=HERE + "/jobfeatures",
            JOBOUTPUTS=HERE + "/joboutputs",
            PY=sys.executable,
        )
        # not for this address
        environ.update(
            http_proxy="http://127.0.0.1:1", HTTP_PROXY="http://127.0.0.1:1", no_proxy=""
        )
        done = subprocess.run(
            [
                str(SYSTEMS / "metadata.sh"),
                str(store),
                python,
                str(ROOT / "pilot.py"),
                "-X",
                plan,
                "--workdir",
                str(tmp_path / "w"),
            ]
            + list(words),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=environ,
            timeout=120,
        )
        if b"Operation not permitted" in done.stdout and not (tmp_path / "w").exists():
            pytest.skip("a network of its own cannot be made here")
        outputs = (
            {path.name: path.read_text() for path in (store / "joboutputs").iterdir()}
            if (store / "joboutputs").exists()
            else {}
        )
        return done.returncode, done.stdout.decode(), outputs
    run.workdir = tmp_path / "w"
    return run


def test_the_features_bound_the_slot_and_the_outputs_tell_its_end(machine):
    code, out, outputs = machine(
        [{"id": "a", "command": ["true"]}],
        allocated_cpu="1\n",
        max_rss_bytes=str(512 << 20),
        shutdowntime_job=int(time.time()) + 7200,
        job_id="vm-77",
    )
    assert code == 0, out
    node = json.loads((machine.workdir / "pilot-report.json").read_text())["facts"]["WorkerNode"]
    assert node["cores"] == 1 and node["memory_mb"] == 512
    assert outputs["shutdown_message"].startswith("200 ")
    assert "\n" not in outputs["shutdown_message"]
    assert len(outputs["heartbeat"].split()) == 5


def test_without_work_the_manager_is_told_300(machine):
    code, out, outputs = machine([])
    assert code == 0 and outputs["shutdown_message"].startswith("300 "), out


def test_the_shutdown_time_ends_what_runs_in_time(machine):
    end = int(time.time()) + 14
    code, out, outputs = machine(
        [{"id": "long", "command": ["sleep", "300"]}],
        "--stop-grace-s",
        "1",
        "--min-task-s",
        "1",
        shutdowntime_job=end,
    )
    assert time.time() < end + 1 and code == 60, out
    assert (
        outputs["shutdown_message"].startswith("200 ")
        and '"released": 1' in (machine.workdir / "pilot-report.json").read_text()
    )


def test_an_unfit_machine_is_told_500(machine):
    code, out, outputs = machine(
        [{"id": "a", "command": ["true"]}], "--min-memory-mb", "4000", max_rss_bytes=str(512 << 20)
    )
    assert code == 10 and outputs["shutdown_message"].startswith("500 "), out


def ec2(end):
    return {
        "latest/meta-data/spot/instance-action": json.dumps(
            {"action": "terminate", "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(end))}
        )
    }


def azure(end):
    event = {
        "EventType": "Preempt",
        "Resources": ["vm_0"],
        "NotBefore": time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(end)),
    }
    return {"metadata/scheduledevents?api-version=2020-07-01": json.dumps({"Events": [event]}),
            "metadata/instance/compute/name?api-version=2021-02-01&format=text": "vm_0"}


def gce(_end):
    return {"computeMetadata/v1/instance/preempted": "TRUE"}


@pytest.mark.parametrize("cloud, given_s", [(ec2, 16), (azure, 16), (gce, 30)])
def test_a_spot_machines_notice_ends_what_runs_in_time(machine, cloud, given_s):
    end = time.time() + given_s
    code, out, outputs = machine(
        [{"id": "long", "command": ["sleep", "300"]}],
        "--stop-grace-s",
        "1",
        "--min-task-s",
        "1",
        "--spot-notices",
        cloud.__name__,
        notice=cloud(end),
    )
    assert time.time() < end + 1, out
    assert code == 60, out
    assert "the spot machine's notice" in out, out
    assert '"released": 1' in (machine.workdir / "pilot-report.json").read_text()


@pytest.mark.parametrize(
    "what",
    [
        "CheckWorkerNode", "RunProbes", "Install", "Configure", "CPUNormalization", "RegisterPilot",
        "--execute", "a hold", "DIRAC's LaunchAgent", "DIRAC's MultiLaunchAgent",
    ],
)
def test_a_spot_machines_notice_bounds_every_command(machine, tmp_path, what):
    """As each other source does in tests/test_deadline.py and, for a JobAgent, in
    tests/extensions/pilot_dirac/test_launch_agent.py."""
    if what.startswith("DIRAC's"):
        client = Client(tmp_path)
        client.say(dirac_agent={"out": "began\n", "hangs": True})
        words = [
            "-X",
            "InstallDIRAC," + what.split()[1],
            "-E",
            "dirac",
            "--preinstalledEnv",
            str(client.env),
        ]
    else:
        words = words_of(what, tmp_path)
    if what in ("Configure", "RegisterPilot"):
        os.mkfifo(str(tmp_path / "fifo"))
    if what == "RegisterPilot":  # no server of ours is in that network: a file that does not answer
        words = words + ["file://%s/fifo" % tmp_path]
    sick = what in ("CheckWorkerNode", "CPUNormalization")
    python = make_sick_python(tmp_path) if sick else sys.executable
    plan, words = words[1], words[2:]
    end = time.time() + 16
    code, out, outputs = machine(None, "--spot-notices", "ec2", *words, plan=plan, python=python, notice=ec2(end))
    assert time.time() < end + 1 and code == (10 if what == "a hold" else 60), out
    assert (
        json.loads((machine.workdir / "pilot-report.json").read_text())["exit_code"] == code
        and "shutdown_message" in outputs
    )


def test_a_spot_machine_without_a_notice_works(machine):
    code, out, outputs = machine([{"id": "a", "command": ["true"]}], "--spot-notices", "ec2")
    assert code == 0, out

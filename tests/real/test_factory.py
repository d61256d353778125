"""The factory on a real Slurm, as a plain user: work comes and goes, the factory is killed at each step
of a submission, the controller and nodes go away."""

import os
import signal
import subprocess
import time

import pytest

from tests.conftest import until
from tests.real.conftest import AS_USER, USER, need, script
from tests.real.farms import check_held, check_killed_anywhere, check_nothing_twice, check_stopped, every_case, live
from tests.real.slurm_farms import SlurmFarm


@pytest.fixture(scope="module")
def slurm(base):
    need("slurmctld", "slurmd", "munged", "sbatch")
    environ = dict(os.environ, PORT0="16830")
    script("slurm.sh", "up", base, env=environ)
    yield base
    script("slurm.sh", "down", base, env=environ)


@pytest.fixture
def farm(slurm, users_folder, operators_file):
    one = SlurmFarm(operators_file, users_folder, slurm)
    yield one
    subprocess.call(["scancel", "-u", USER], env=one.environ)
    until(lambda: not one.list_tags(), 60, "the end of all jobs")


def test_two_hundred_tasks_run_on_slurm_and_others_jobs_are_left_alone(farm):
    farm.make(200, max_running=6)
    foreign = [
        subprocess.check_output(
            who + ["sbatch", "--parsable", "-J", name, "-t", "5", "--mem", "50", "-o", "/dev/null",
                   "--wrap", "sleep 200"],
            env=farm.environ, cwd="/tmp",
        ).decode().strip()
        for who, name in (([], "pilot"), (AS_USER, "mine"))
    ]
    daemon = farm.start("run", farm.file)
    most = 0
    try:
        deadline = time.monotonic() + 240
        while farm.counts()["done"] < 200:
            most = max(most, len(farm.list_tags()))
            assert time.monotonic() < deadline, farm.counts()
        until(lambda: not farm.list_tags(), 60, "the end of the pilots")
        until(lambda: farm.site()["running"] == farm.site()["pending"] == 0, 60, "the book")
        assert 1 <= most <= 6
        assert "no process" not in farm.tool("factory", "stop", farm.file)
        assert daemon.wait(30) == 0
        assert farm.counts() == {"todo": 0, "locked": 0, "done": 200, "error": 0, "held": 0}
        assert farm.site()["ended_badly"] == 0
        states = subprocess.check_output(
            ["squeue", "-h", "-j", ",".join(foreign), "-o", "%T"], env=farm.environ
        ).decode()
        assert states.split() == ["RUNNING", "RUNNING"]
    finally:
        if daemon.poll() is None:
            daemon.kill()
        daemon.communicate()
        subprocess.call(["scancel"] + foreign, env=farm.environ)


@every_case
def test_nothing_is_submitted_twice(farm, case):
    check_nothing_twice(farm, case, "sbatch", subprocess.check_output(["which", "sbatch"]).decode().strip())


def test_a_factory_that_is_killed_anywhere_submits_nothing_twice(farm):
    check_killed_anywhere(farm)


def test_held_pilots_count(farm):
    check_held(
        farm, "--hold",
        lambda: farm.control("release", subprocess.check_output(
            ["squeue", "-h", "-u", USER, "-o", "%F"], env=farm.environ).decode().split()[0]),
    )


def test_a_drained_node_is_no_reason_to_submit_more(farm):
    farm.make(40, max_running=8, command="exec true")
    nodes = subprocess.check_output(["sinfo", "-h", "-o", "%N"], env=farm.environ).decode().split()[0]
    farm.control("update", "nodename=" + nodes, "state=drain", "reason=test")
    try:
        until(lambda: farm.once()["pending"] == 4, 60, "max_pending pilots")
        for _ in range(4):
            farm.once()
            assert len(farm.list_tags()) == 4
    finally:
        farm.control("update", "nodename=" + nodes, "state=resume")
    until(lambda: farm.once() and farm.counts()["done"] == 40, 120, "the tasks")
    until(lambda: live(farm.once()) == 0, 60, "the end of the pilots")


def test_a_pilot_that_is_preempted_offends_nobody(farm):
    """Requeued by the system: it is the same pilot, and works again."""
    farm.make(1, max_running=1, command="test -e %s/again || { touch %s/again; sleep 300; }" % (
        farm.folder, farm.folder))
    until(lambda: farm.once()["running"] == 1 and (farm.folder / "again").exists(), 60, "the pilot")
    (job,) = subprocess.check_output(
        ["squeue", "-h", "-r", "-u", USER, "-o", "%A"], env=farm.environ).decode().split()
    farm.control("requeue", job)
    until(lambda: farm.once() and farm.counts()["done"] == 1, 240, "the task")
    until(lambda: live(farm.once()) == 0, 60, "the end of the pilot")
    assert (farm.site()["state"], farm.site()["ended_badly"]) == ("ok", 0)


def test_a_controller_that_is_away_is_no_reason_to_submit(farm, slurm):
    farm.make(40, max_running=4, command="sleep 600")
    until(lambda: farm.once()["running"] == 4, 60, "the pilots")
    pid = int((slurm / "run" / "slurmctld.pid").read_text())
    os.kill(pid, signal.SIGTERM)  # it saves its jobs; after SIGKILL it may have lost the last ones
    until(lambda: not os.path.exists("/proc/%d" % pid), 30)
    farm.once()
    assert farm.site()["state"] == "unknown"
    assert farm.site()["running"] == 4
    subprocess.check_call(["slurmctld"], env=farm.environ)
    until(lambda: farm.once()["state"] == "ok", 120, "the recovery")
    assert len(farm.list_tags()) == 4
    assert farm.site()["running"] == 4


def test_a_controller_that_answers_nobody_for_two_minutes(farm, slurm):
    check_stopped(farm, [int((slurm / "run" / "slurmctld.pid").read_text())], 120)


def test_a_dry_run_asks_slurm_and_submits_nothing(farm):
    farm.make(3)
    dry = farm.start("dry-run", farm.file)
    shown = dry.communicate(timeout=60)[0].decode()
    assert (dry.returncode, "submit 2" in shown) == (0, True), shown
    assert farm.list_tags() == []
    words = ["add", farm.file, "slurm", "--site", "wrong", "--queue", "nowhere"]
    refused = farm.start(*words)
    told = refused.communicate(timeout=60)[0].decode()
    assert refused.returncode == 2
    assert "invalid partition" in told and "nothing was written" in told
    longer = farm.start("add", farm.file, "slurm", "--site", "long", "--queue", "short", "--walltime", "3h")
    told = longer.communicate(timeout=60)[0].decode()
    assert (longer.returncode, "longer than the partition's limit" in told) == (2, True)

"""The single file as a job of a real Grid Engine, in a network of its own (it listens on every
interface)."""

import json
import os
import re
import subprocess

import pytest

from tests.conftest import until
from tests.real.conftest import AS_USER, PYTHON, SYSTEMS, USER, build, need, script
from tests.real.farms import (
    RealFarm, check_held, check_killed_anywhere, check_limit, check_nothing_twice, check_stopped, check_tasks,
    environment_path, every_case, ship_job,
)

NETWORK = "pilot-sge"


def inside(*words, **how):
    who = AS_USER if words[0] in ("qsub", "qdel", "qmod", "qrls") else []
    return subprocess.check_output(
        ["ip", "netns", "exec", NETWORK] + who + [str(word) for word in words], **how
    ).decode()


@pytest.fixture(scope="module")
def cell(base):
    need("qsub", "sge_qmaster", "ip")
    build("netns.sh", "up", NETWORK)
    try:
        told = inside(str(SYSTEMS / "sge.sh"), "up", base)
        line = next(line for line in told.splitlines() if line.startswith("export "))
        environ = dict(os.environ, **dict(word.partition("=")[::2] for word in line.split()[1:]))
        yield environ
        inside(str(SYSTEMS / "sge.sh"), "down", base)
    finally:
        script("netns.sh", "down", NETWORK)


def test_a_job_knows_its_slot_and_its_end(cell, single_file, users_folder):
    (users_folder / "job.sh").write_text(
        "#!/bin/sh\ncd %s\nexec %s %s -X CheckWorkerNode --min-time-left-s 60\n"
        % (users_folder, PYTHON, single_file)
    )
    told = inside(
        "qsub",
        "-terse",
        "-V",
        "-o",
        users_folder / "out",
        "-e",
        users_folder / "err",
        "-l",
        "h_rt=600",
        users_folder / "job.sh",
        env=cell,
    )
    found = until(
        lambda: (users_folder / "pilot-report.json").exists()
        and json.loads((users_folder / "pilot-report.json").read_text()),
        60,
        "the job's report",
    )
    node = found["facts"]["WorkerNode"]
    assert found["exit_code"] == 0
    assert (node["batch"]["system"], node["batch"]["job_id"], node["batch"]["queue"]) == (
        "GridEngine",
        told.strip(),
        "all.q",
    )
    assert node["batch"]["cores"] == 1 and node["cores"] == 1
    assert 500 < node["batch"]["time_left_s"] <= 600 and node["batch"]["source"] == "qstat"


def test_notify_drains_before_the_kill(cell, single_file, users_folder):
    (users_folder / "tasks.jsonl").write_text(
        json.dumps({"id": "a", "script": "touch %s/started; sleep 2" % users_folder}) + "\n"
    )
    (users_folder / "job.sh").write_text(
        "#!/bin/sh\ncd %s\nexec %s %s -X CheckWorkerNode,LaunchAgent --tasks tasks.jsonl\n"
        % (users_folder, PYTHON, single_file)
    )
    job = inside(
        "qsub",
        "-terse",
        "-V",
        "-notify",
        "-o",
        users_folder / "out",
        "-e",
        users_folder / "err",
        users_folder / "job.sh",
        env=cell,
    ).strip()
    until((users_folder / "started").exists, 60, "the payload's start")
    inside("qdel", job, env=cell)
    found = until(
        lambda: (users_folder / "pilot-report.json").exists()
        and json.loads((users_folder / "pilot-report.json").read_text()),
        30,
        "the report",
    )
    # SIGUSR2 came five seconds before the kill: enough to finish
    assert found["exit_code"] == 0 and found["tasks"]["done"] == 1


def test_a_shipped_job_is_one_script(cell, users_folder, plain_user):
    out = users_folder / "results"
    out.mkdir()
    plain_user.own(out)
    ship_job("gridengine", users_folder, ["--walltime", "10m"], out, "-X", "CheckWorkerNode")
    inside("qsub", "-terse", "-V", "pilot-job.py", env=cell, cwd=str(users_folder))
    path = until(
        lambda: next(out.glob("pilot-*/pilot-report.json"), None), 60, "the job's report"
    )
    assert list(out.glob("mine.o*"))
    found = json.loads(path.read_text())
    assert found["exit_code"] == 0 and found["settings"]["max_walltime"]["value"] == 600
    assert found["settings"]["site"]["value"] == "here"
    assert found["facts"]["WorkerNode"]["batch"]["system"] == "GridEngine"


@pytest.mark.parametrize("payload", ["exec sleep 4", "sleep 4; exit 0"])
def test_a_warning_to_every_process_of_the_job_kills_no_payload(
    cell, single_file, users_folder, payload
):
    """-notify, which pilot.ship writes, sends SIGUSR2 to all processes of a plain user's job."""
    (users_folder / "tasks.jsonl").write_text(
        json.dumps(
            {
                "id": "a",
                "script": "touch %s/started; %s" % (users_folder, payload),
                "max_attempts": 1,
            }
        )
        + "\n"
    )
    (users_folder / "job.sh").write_text(
        "#!/bin/sh\ncd %s\nexec %s %s -X CheckWorkerNode,LaunchAgent --tasks tasks.jsonl\n"
        % (users_folder, PYTHON, single_file)
    )
    job = inside(
        "qsub",
        "-terse",
        "-V",
        "-notify",
        "-o",
        users_folder / "out",
        "-e",
        users_folder / "err",
        users_folder / "job.sh",
        env=cell,
    ).strip()
    until((users_folder / "started").exists, 60, "the payload's start")
    inside("qdel", job, env=cell)
    found = until(
        lambda: (users_folder / "pilot-report.json").exists()
        and json.loads((users_folder / "pilot-report.json").read_text()),
        30,
        "the report",
    )
    assert found["tasks"]["error"] == 0 and found["tasks"]["done"] == 1, found


@pytest.fixture
def farm(cell, operators_file, users_folder):
    environ = dict(cell, HOME=str(users_folder), USER=USER)

    def run(path, *words):
        done = subprocess.run(
            ["ip", "netns", "exec", NETWORK] + AS_USER + ["env", environment_path(path)]
            + [str(word) for word in words],
            env=environ, cwd=str(users_folder), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )
        return done.returncode, done.stdout.decode()

    def list_tags():
        text = inside("qstat", "-u", USER, "-g", "d", "-xml", env=cell)
        return re.findall("<JB_name>(p[a-z0-9]{11})</JB_name>", text)

    one = RealFarm(run, [PYTHON, operators_file], users_folder, "gridengine", list_tags)
    yield one
    inside("qdel", "-u", USER, env=cell, stderr=subprocess.DEVNULL) if list_tags() else None
    until(lambda: not list_tags(), 60, "the end of all jobs")


def test_a_factory_runs_two_hundred_tasks_on_grid_engine(cell, farm):
    foreign = inside(
        "qsub", "-terse", "-b", "y", "-N", "mine", "-o", "/dev/null", "-j", "y", "sleep", "600", env=cell
    ).strip()
    words = ["-terse", "-b", "y", "-N", "theirs", "-o", "/dev/null", "-j", "y", "sleep", "600"]
    theirs = inside("env", "qsub", *words, env=cell, cwd="/tmp").strip()  # root's
    site = check_tasks(farm)
    assert (site["state"], site["ended_badly"]) == ("ok", 0)
    assert site["ended_well"] >= 4
    shown = inside("qstat", "-u", "*", "-xml", env=cell)
    assert "<JB_name>mine</JB_name>" in shown
    assert "<JB_name>theirs</JB_name>" in shown
    inside("qdel", foreign, env=cell)
    inside("env", "qdel", theirs, env=cell)
    code, said = farm.attempt(
        "factory", "add", farm.file, "gridengine", "--site", "x", "--queue", "nowhere.q"
    )
    assert code == 2, said


@every_case
def test_nothing_is_submitted_twice(farm, case):
    check_nothing_twice(farm, case, "qsub", subprocess.check_output(["which", "qsub"]).decode().strip())


def test_held_pilots_count(cell, farm):
    check_held(farm, "-h", lambda: inside("qrls", "-u", USER, env=cell))


def test_a_limit_on_a_users_jobs_is_a_cap(cell, farm):
    """Of Grid Engine's jobs: an array counts once."""
    farm.list_limited = lambda: set(farm.list_tags())
    _configure(cell, farm, "max_u_jobs", 2)
    try:
        check_limit(farm, 2)
    finally:
        _configure(cell, farm, "max_u_jobs", 0)


def _configure(cell, farm, name, value):
    """Change the global configuration as the cell's manager."""
    text = inside("qconf", "-sconf", env=cell)
    changed = re.sub(r"(?m)^%s .*" % name, "%s %d" % (name, value), text)
    assert changed != text
    path = farm.folder / "global"
    path.write_text(changed)
    inside("qconf", "-Mconf", path, env=cell)


def test_a_master_that_answers_nobody(cell, farm, base):
    check_stopped(farm, [int((base / "qmaster" / "qmaster.pid").read_text())])


def test_a_factory_that_is_killed_anywhere_submits_nothing_twice(farm):
    check_killed_anywhere(farm)

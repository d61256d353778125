"""The single file as a job of a real HTCondor: no PATH, no HOME, cores only in the job's ad."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from pilot.base import process_tree
from tests.conftest import ROOT, until
from tests.real.conftest import PYTHON, SYSTEMS, build, need
from tests.real.farms import (
    RealFarm, check_held, check_killed_anywhere, check_limit, check_nothing_twice, check_stopped, check_tasks,
    environment_path, every_case, ship_job,
)

BUILD = "/var/tmp/pilot-real-condor"  # patched to this very place; kept between runs


@pytest.fixture(scope="module")
def pool(base):
    need("mmdebstrap", "patchelf", "unshare")
    if not os.access(BUILD + "/cbin/condor_version", os.X_OK):
        build("condor-build.sh", BUILD)
    base.chmod(0o777)
    environ = dict(
        os.environ, CI_HOME=str(base), CONDOR_CONFIG=str(base / "pool" / "condor_config")
    )
    user = [str(SYSTEMS / "fakeuser.sh")]

    def attempt(*words):
        done = subprocess.run(
            user + [str(word) for word in words],
            env=environ,
            cwd=str(base),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=120,
        )
        return done.returncode, done.stdout.decode()

    def run(*words):
        code, said = attempt(*words)
        assert code == 0, said[-3000:]
        return said

    run.attempt = attempt

    run(SYSTEMS / "condor.sh", "up", BUILD, base / "pool")
    yield run
    run(SYSTEMS / "condor.sh", "down", BUILD, base / "pool")


def submit(pool, folder, single_file, words, *lines):
    folder.chmod(0o777)
    submit = (
        [
            "executable = %s" % single_file,
            "arguments = %s" % words,
            "request_cpus = 2",
            "request_memory = 700M",
            "request_disk = 1G",
            "log = %s/log" % folder,
            "output = %s/out" % folder,
            "error = %s/err" % folder,
            "initialdir = %s" % folder,
            "should_transfer_files = YES",
            "when_to_transfer_output = ON_EXIT",
        ]
        + list(lines)
        + ["queue"]
    )
    (folder / "sub").write_text("\n".join(submit) + "\n")
    return pool(BUILD + "/cbin/condor_submit", "-terse", folder / "sub").split()[0]


def history(pool, job, *attributes):
    words = pool(BUILD + "/cbin/condor_history", job, "-limit", "1", "-af", *attributes).split()
    return words


def test_a_job_knows_its_slot(pool, single_file, tmp_path):
    job = submit(
        pool,
        tmp_path,
        single_file,
        "-X CheckWorkerNode --min-disk-mb 100",
        "transfer_output_files = pilot-report.json",
        "allowed_execute_duration = 900",
    )
    pool(BUILD + "/cbin/condor_wait", "-wait", "90", tmp_path / "log")
    found = json.loads(
        until(
            lambda: (tmp_path / "pilot-report.json").exists()
            and (tmp_path / "pilot-report.json").read_text(),
            20,
        )
    )
    node = found["facts"]["WorkerNode"]
    assert (node["batch"]["system"], node["batch"]["job_id"]) == ("HTCondor", job)
    assert node["cores"] == 2 and {"source": "HTCondor", "value": 2} in node["core_sources"]
    assert 600 <= node["memory_mb"] <= 800 and 600 < node["batch"]["time_left_s"] <= 900


def test_condor_sees_the_exit_code(pool, single_file, tmp_path):
    job = submit(pool, tmp_path, single_file, "-X CheckWorkerNode --min-cores 9999")
    pool(BUILD + "/cbin/condor_wait", "-wait", "90", tmp_path / "log")
    assert until(lambda: history(pool, job, "ExitCode"), 20) == ["10"]
    assert "9999 needed" in (tmp_path / "out").read_text()


def test_a_removed_job_gives_its_task_back(pool, single_file, operators_file, tmp_path):
    url = "sqlite:%s/pool.sqlite" % tmp_path
    started = tmp_path / "started"
    (tmp_path / "tasks.jsonl").write_text(
        json.dumps({"id": "a", "script": "touch %s; sleep 300" % started}) + "\n"
    )
    tmp_path.chmod(0o777)
    pilot_pool = ["/usr/bin/python3", str(operators_file), "-m", "pilot.pool"]
    subprocess.check_call(
        pilot_pool + ["add", url, str(tmp_path / "tasks.jsonl")], stdout=subprocess.DEVNULL
    )
    for path in tmp_path.iterdir():
        path.chmod(0o666)
    job = submit(
        pool,
        tmp_path,
        single_file,
        "-X CheckWorkerNode,LaunchAgent --min-disk-mb 100 --pool %s" % url,
    )
    until(started.exists, 90, "the payload's start")
    pool(BUILD + "/cbin/condor_rm", job)
    shown = until(
        lambda: (lambda told: told["state"] == "todo" and told)(
            json.loads(subprocess.check_output(pilot_pool + ["show", url, "a", "--json"]).decode())
        ),
        60,
    )
    assert shown["attempts"][0]["outcome"] == "released" and shown["attempts_used"] == 0


def test_a_shipped_job_that_is_configured_wrong_is_held_with_its_reason(pool, tmp_path):
    tmp_path.chmod(0o777)
    subprocess.check_call(
        [
            "/usr/bin/python3",
            "-m",
            "pilot.ship",
            "htcondor",
            "-o",
            str(tmp_path),
            "--cores",
            "1",
            "--memory",
            "600",
            "--walltime",
            "10m",
            "--",
            "-X",
            "CheckWorkerNode",
            "--min-disk-mb",
            "lots",
        ],
        cwd=str(ROOT),
        stdout=subprocess.DEVNULL,
    )
    job = pool(
        "sh", "-c", "cd %s && %s/cbin/condor_submit -terse pilot.sub" % (tmp_path, BUILD)
    ).split()[0]
    reason = until(
        lambda: (lambda told: "configured wrong" in told and told)(
            pool(BUILD + "/cbin/condor_q", job, "-af", "HoldReason")
        ),
        90,
    )
    assert "configured wrong" in reason
    assert "is not a size in MB" in next(tmp_path.glob("pilot-*.err")).read_text()
    pool(BUILD + "/cbin/condor_rm", job)


def test_a_shipped_job_brings_its_report_back(pool, tmp_path):
    out = tmp_path / "results"
    for folder in (tmp_path, out):
        folder.mkdir(exist_ok=True)
        folder.chmod(0o777)
    size = "--cores 2 --memory 700".split()
    ship_job("htcondor", tmp_path, size, out, "-X", "CheckWorkerNode", "--min-disk-mb", "100")
    job = pool(
        "sh", "-c", "cd %s && %s/cbin/condor_submit -terse pilot.sub" % (tmp_path, BUILD)
    ).split()[0]
    until(lambda: history(pool, job, "ExitCode"), 90, "the end of the job")
    found = json.loads((out / ("pilot-%s.json" % job)).read_text())
    assert found["exit_code"] == 0 and found["facts"]["WorkerNode"]["batch"]["system"] == "HTCondor"
    assert found["settings"]["site"]["value"] == "here"
    assert history(pool, job, "JobBatchName") == ["mine"]


@pytest.fixture
def farm(pool, operators_file, tmp_path):
    """No shared folder is needed: pilots bring their outputs back."""
    tmp_path.chmod(0o777)

    def run(path, *words):
        folders = "%s%s/cbin" % (path + ":" if path else "", BUILD)
        return pool.attempt("env", environment_path(folders), "HOME=%s" % tmp_path, *words)

    def list_tags():
        text = pool(BUILD + "/cbin/condor_q", "-af", "PilotTag")
        return [word for word in text.split() if word != "undefined"]

    one = RealFarm(
        run, [PYTHON, operators_file], tmp_path, "htcondor", list_tags, more="memory = 300"
    )
    yield one
    pool(BUILD + "/cbin/condor_rm", "-constraint", "true") if list_tags() else None
    until(lambda: not list_tags(), 60, "the end of all jobs")


def test_a_factory_runs_two_hundred_tasks_on_htcondor(pool, farm, tmp_path):
    (tmp_path / "mine").write_text(
        "executable = /bin/sleep\narguments = 600\ntransfer_executable = false\n"
        "request_memory = 10\n+Owner = \"somebody\"\nqueue 1\n"
    )
    other = pool(BUILD + "/cbin/condor_submit", "-terse", tmp_path / "mine").split()[0]
    site = check_tasks(farm)
    assert (site["state"], site["ended_badly"]) == ("ok", 0)
    assert site["ended_well"] >= 4
    runs = "2"
    found = pool(BUILD + "/cbin/condor_q", other, "-allusers", "-af", "Owner", "JobStatus")
    assert found.split() == ["somebody", runs]
    pool(BUILD + "/cbin/condor_rm", other)


@every_case
def test_nothing_is_submitted_twice(farm, case):
    check_nothing_twice(farm, case, "condor_submit", BUILD + "/cbin/condor_submit")


def test_held_pilots_count(pool, farm):
    check_held(
        farm, "'hold = true'", lambda: pool(BUILD + "/cbin/condor_release", "-constraint", "true")
    )


def test_a_limit_on_a_users_jobs_is_a_cap(pool, farm, base):
    configuration = base / "pool" / "condor_config"
    before = configuration.read_text()
    configuration.write_text(before + "MAX_JOBS_PER_OWNER = 3\n")
    pool(BUILD + "/cbin/condor_reconfig", "-schedd")
    try:
        # jobs of a submission that it refused count until it counts again
        check_limit(farm, 3, least=2)
    finally:
        configuration.write_text(before)
        pool(BUILD + "/cbin/condor_reconfig", "-schedd")


def test_a_schedd_that_answers_nobody(farm, base):
    master = int((base / "pool" / "run" / "master.pid").read_text())
    schedd = [
        one.pid
        for one in process_tree.descendants(master)
        if Path("/proc/%d/comm" % one.pid).read_text().strip() == "condor_schedd"
    ]
    check_stopped(farm, schedd)


def test_a_factory_that_is_killed_anywhere_submits_nothing_twice(farm):
    check_killed_anywhere(farm)

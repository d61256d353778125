"""The single file as a job of a real Slurm: it knows its slot, its end, and how to stop."""

import json
import subprocess

import pytest

from tests.conftest import until
from tests.real.conftest import AS_USER, PYTHON, need, script
from tests.real.farms import ship_job


@pytest.fixture(scope="module")
def slurm(base):
    need("slurmctld", "slurmd", "munged", "sbatch")
    script("slurm.sh", "up", base)
    yield base
    script("slurm.sh", "down", base)


@pytest.fixture(autouse=True)
def configured(slurm, monkeypatch):
    """Slurm's programs find this instance."""
    monkeypatch.setenv("SLURM_CONF", str(slurm / "slurm.conf"))


def submit(folder, single_file, options, *words):
    job = "#!/bin/sh\nexec %s %s %s\n" % (PYTHON, single_file, " ".join(words))
    (folder / "job.sh").write_text(job)
    done = subprocess.check_output(
        AS_USER
        + ["sbatch", "--parsable", "-D", str(folder), "-o", str(folder / "out")]
        + options
        + [str(folder / "job.sh")]
    )
    return done.decode().strip()


def state(job):
    """Slurm's own view: state and exit code."""
    told = subprocess.check_output(["scontrol", "show", "job", job, "-o"]).decode()
    fields = dict(word.partition("=")[::2] for word in told.split() if "=" in word)
    return fields["JobState"], fields["ExitCode"]


def ended(job):
    return until(
        lambda: state(job)[0] not in ("PENDING", "RUNNING", "COMPLETING") and state(job),
        60,
        "the end of job %s" % job,
    )


def report(folder):
    return json.loads((folder / "pilot-report.json").read_text())


def test_a_job_knows_its_slot(slurm, single_file, users_folder):
    job = submit(
        users_folder,
        single_file,
        ["-c", "2", "--mem", "900", "-t", "5", "-p", "main"],
        "-X",
        "CheckWorkerNode,Configure",
        "--min-time-left-s",
        "60",
    )
    assert ended(job) == ("COMPLETED", "0:0"), (users_folder / "out").read_text()
    node = report(users_folder)["facts"]["WorkerNode"]
    assert (node["batch"]["system"], node["batch"]["job_id"], node["batch"]["queue"]) == (
        "Slurm",
        job,
        "main",
    )
    assert node["cores"] == 2 and node["memory_mb"] == 900
    assert 240 < node["batch"]["time_left_s"] <= 300 and node["batch"]["source"] == "squeue"
    assert {"source": "Slurm", "value": 2} in node["core_sources"]


def test_a_job_that_is_too_short_is_refused_and_slurm_sees_the_code(
    slurm, single_file, users_folder
):
    job = submit(
        users_folder,
        single_file,
        ["-t", "2", "--mem", "600"],
        "-X",
        "CheckWorkerNode",
        "--min-time-left-s",
        "3600",
    )
    assert ended(job) == ("FAILED", "10:0")
    assert "3600 needed (--min-time-left-s)" in (users_folder / "out").read_text()


def test_scancel_gives_the_task_back_before_the_kill(slurm, single_file, users_folder):
    started = users_folder / "started"
    (users_folder / "tasks.jsonl").write_text(
        json.dumps(
            {"id": "a", "script": "trap '' TERM; touch %s; while :; do sleep 1; done" % started}
        )
        + "\n"
    )
    job = submit(
        users_folder,
        single_file,
        ["-t", "5", "--mem", "600"],
        "-X",
        "CheckWorkerNode,LaunchAgent",
        "--tasks",
        "tasks.jsonl",
        "--stop-grace-s",
        "1",
    )
    until(started.exists, 60, "the payload's start")
    subprocess.check_call(AS_USER + ["scancel", "--full", job])
    assert ended(job)[0] == "CANCELLED"
    found = until(lambda: report(users_folder)["tasks"]["released"] and report(users_folder), 20)
    assert found["exit_code"] == 143 and found["commands"][-1]["status"] == "interrupted"


def test_slurms_warning_signal_drains(slurm, single_file, users_folder):
    started = users_folder / "started"
    tasks = [
        {"id": "a", "script": "touch %s; sleep 3" % started, "priority": 1},
        {"id": "b", "command": ["true"]},
    ]
    (users_folder / "tasks.jsonl").write_text("".join(json.dumps(task) + "\n" for task in tasks))
    job = submit(
        users_folder,
        single_file,
        ["-t", "5", "--mem", "600"],
        "-X",
        "CheckWorkerNode,LaunchAgent",
        "--tasks",
        "tasks.jsonl",
        "--slots",
        "1",
    )
    until(started.exists, 60, "the payload's start")
    subprocess.check_call(AS_USER + ["scancel", "--batch", "--signal=USR1", job])
    assert ended(job) == ("COMPLETED", "0:0"), (users_folder / "out").read_text()
    assert report(users_folder)["tasks"] == {
        "done": 1,
        "error": 0,
        "released": 0,
        "retried": 0,
        "lost": 0,
    }


def test_array_tasks_share_a_pool(slurm, single_file, operators_file, users_folder):
    url = "sqlite:%s/pool.sqlite" % users_folder
    (users_folder / "tasks.jsonl").write_text(
        "".join(json.dumps({"id": "t%d" % n, "command": ["true"]}) + "\n" for n in range(60))
    )
    pool = AS_USER + [PYTHON, str(operators_file), "-m", "pilot.pool"]
    subprocess.check_call(
        pool + ["add", url, str(users_folder / "tasks.jsonl")], stdout=subprocess.DEVNULL
    )
    submit(
        users_folder,
        single_file,
        ["-t", "5", "--mem", "600", "-a", "0-3"],
        "-X",
        "CheckWorkerNode,LaunchAgent",
        "--pool",
        url,
        "--workdir",
        "w-$SLURM_ARRAY_TASK_ID",
    )
    status = pool + ["status", url, "--json"]
    until(
        lambda: json.loads(subprocess.check_output(status).decode())["done"] == 60,
        60,
        "the end of all tasks",
    )
    until(lambda: len(list(users_folder.glob("w-*/pilot-report.json"))) == 4, 30)
    until(
        lambda: sum(report(folder)["tasks"]["done"] for folder in users_folder.glob("w-*")) == 60,
        20,
    )


def test_a_shipped_job_is_one_script(slurm, operators_file, users_folder, plain_user):
    out = users_folder / "results"
    out.mkdir()
    plain_user.own(out)
    (users_folder / "tasks.jsonl").write_text(
        "".join(json.dumps({"id": "t%d" % n, "command": ["true"]}) + "\n" for n in range(4))
    )
    pool = "sqlite:%s/pool.sqlite" % users_folder
    subprocess.check_call(
        AS_USER
        + [
            PYTHON,
            str(operators_file),
            "-m",
            "pilot.pool",
            "add",
            pool,
            str(users_folder / "tasks.jsonl"),
        ],
        stdout=subprocess.DEVNULL,
    )
    size = "--cores 1 --memory 600 --walltime 5m --count 2".split()
    ship_job("slurm", users_folder, size, out, "-X", "CheckWorkerNode,LaunchAgent", "--pool", pool)
    job = (
        subprocess.check_output(
            AS_USER + ["sbatch", "--parsable", "pilot-job.py"], cwd=str(users_folder)
        )
        .decode()
        .strip()
    )
    reports = until(
        lambda: (lambda found: len(found) == 2 and found)(
            list(out.glob("pilot-*/pilot-report.json"))
        ),
        60,
        "both reports",
    )
    found = [json.loads(path.read_text()) for path in reports]
    assert [one["exit_code"] for one in found] == [0, 0] and sum(
        one["tasks"]["done"] for one in found
    ) == 4
    assert {one["facts"]["WorkerNode"]["cores"] for one in found} == {1}
    assert {one["settings"]["site"]["value"] for one in found} == {"here"}
    assert len(list(out.glob("pilot-%s_*.out" % job))) == 2
    name = subprocess.check_output(["scontrol", "show", "job", job + "_0"]).decode()
    assert "JobName=mine" in name
    assert all(one["settings"]["max_walltime"]["value"] == 300 for one in found)
    assert until(lambda: ended(job + "_0")[1] == "0:0", 30)


def test_a_part_of_an_array_knows_its_own_end_and_number(slurm, single_file, users_folder):
    """The last part has the number of the whole array: asked for that, squeue tells of all
    parts."""
    submit(
        users_folder,
        single_file,
        ["-t", "5", "--mem", "600", "-a", "0-2"],
        "-X",
        "CheckWorkerNode",
        "--min-time-left-s",
        "3600",
        "--workdir",
        "w-$SLURM_ARRAY_TASK_ID",
    )
    until(lambda: len(list(users_folder.glob("w-*/pilot-report.json"))) == 3, 60)
    for number in range(3):
        found = until(
            lambda: report(users_folder / ("w-%d" % number))["exit_code"] is not None
            and report(users_folder / ("w-%d" % number)),
            20,
        )
        assert found["exit_code"] == 10, found
        assert "3600 needed (--min-time-left-s)" in found["commands"][0]["reason"]


def test_a_group_signal_releases_and_a_warning_drains_as_a_plain_user(
    slurm, single_file, users_folder
):
    """scancel --full reaches payloads too."""
    (users_folder / "tasks.jsonl").write_text(
        json.dumps(
            {
                "id": "a",
                "script": "touch %s/started; exec sleep 300" % users_folder,
                "max_attempts": 1,
            }
        )
        + "\n"
    )
    job = submit(
        users_folder,
        single_file,
        ["-t", "5", "--mem", "600"],
        "-X",
        "CheckWorkerNode,LaunchAgent",
        "--tasks",
        "tasks.jsonl",
    )
    until((users_folder / "started").exists, 60, "the payload's start")
    subprocess.check_call(AS_USER + ["scancel", "--full", "--signal=INT", job])
    ended(job)
    found = until(lambda: report(users_folder)["exit_code"] == 130 and report(users_folder), 20)
    assert found["tasks"]["released"] == 1 and found["tasks"]["error"] == 0

"""The factory on a real Slurm with accounting, two nodes and a partition that preempts: what goes wrong
on a cluster, as a plain user sees it."""

import json
import os
import subprocess

import pytest

from tests.conftest import until
from tests.real.conftest import USER, need, script
from tests.real.farms import check_limit, live
from tests.real.slurm_farms import SlurmFarm


@pytest.fixture(scope="module")
def slurm(base, plain_user):
    need("slurmctld", "slurmd", "munged", "sbatch", "slurmdbd", "mariadbd")
    environ = dict(os.environ, PORT0="16850", ACCT="1", BAD="1", LIMITS="root " + USER)
    script("slurm.sh", "up", base, env=environ)
    yield base
    script("slurm.sh", "down", base, env=environ)


@pytest.fixture
def new_farm(slurm, users_folder, operators_file):
    """`new_farm(queue, more)`: a farm on this partition."""
    made = []

    def make(queue, more=""):
        made.append(SlurmFarm(operators_file, users_folder, slurm, queue, more))
        return made[0]

    yield make
    for one in made:
        subprocess.call(["scancel", "-u", USER], env=one.environ)
        until(lambda: not one.list_tags(), 60, "the end of all jobs")


def break_nodes(slurm, *names):
    """Jobs on these nodes have no PATH: they end at once."""
    tests = " || ".join('[ "$SLURMD_NODENAME" = %s ]' % name for name in names) or "false"
    (slurm / "task-prolog").write_text("#!/bin/sh\nif %s; then echo export PATH=/nowhere; fi\n" % tests)


def test_a_job_of_higher_priority_preempts_pilots_and_nobody_is_blamed(slurm, new_farm):
    """It takes all cores: the pilots are cancelled, their tasks run again afterwards."""
    farm = new_farm("main")
    mark = "%s/$PILOT_TASK_ID" % farm.folder
    farm.make(4, max_running=4, command="test -e %s || { touch %s; sleep 600; }" % (mark, mark))
    until(lambda: farm.once() and farm.counts()["locked"] == 4, 180, "all tasks at work")
    first = set(farm.list_tags())
    urgent = subprocess.check_output(
        ["sbatch", "--parsable", "-p", "urgent", "-n", "16", "--mem", "60000", "-o", "/dev/null",
         "--wrap", "sleep 20"], env=farm.environ, cwd="/tmp",
    ).decode().strip()
    until(lambda: urgent in subprocess.check_output(
        ["squeue", "-h", "-t", "R", "-o", "%A"], env=farm.environ).decode(), 60, "the urgent job")
    until(lambda: farm.once()["running"] == 0, 60, "the end of the pilots")
    assert farm.site()["state"] == "ok"
    until(lambda: farm.once() and farm.counts()["done"] == 4, 240, "the tasks")
    until(lambda: live(farm.once()) == 0, 90, "the end of the pilots")
    site = farm.site()
    assert (site["state"], site["ended_badly"], site["failures"]) == ("ok", 0, [])
    assert not first & set(farm.list_tags())
    states = subprocess.check_output(
        ["sacct", "-n", "-X", "-u", USER, "-o", "State"], env=farm.environ).decode().split()
    assert "PREEMPTED" in states


def test_a_node_that_fails_everything_is_left_out(slurm, new_farm):
    """It takes each pilot first, because it is always free."""
    break_nodes(slurm, "bad")
    farm = new_farm("both").make(120, max_running=4, command="sleep 0.2")
    until(lambda: farm.once() and farm.counts()["done"] == 120, 240, "the tasks")
    until(lambda: live(farm.once()) == 0, 90, "the end of the pilots")
    site = farm.site()
    assert site["state"] == "ok"
    assert [one["reason"].split(":")[0] for one in site["failures"]] == ["exit code 127"]
    # three show that the node is bad; those that were submitted by then go there as well
    assert 3 <= site["ended_badly"] <= 8, site
    excluded = subprocess.check_output(
        ["sacct", "-n", "-X", "-P", "-u", USER, "-o", "JobName,NodeList,ExitCode"], env=farm.environ
    ).decode().splitlines()
    assert excluded[-1].split("|")[1:] == [os.uname().nodename, "0:0"]


def test_a_site_that_fails_everything_gets_single_pilots_only(slurm, new_farm):
    """No flood; mended and told so, it has as many pilots as it should within three cycles."""
    nodes = ("bad", os.uname().nodename)
    break_nodes(slurm, *nodes)
    farm = new_farm("both").make(40, max_running=8, command="sleep 300")
    try:
        until(lambda: farm.once()["state"] == "quarantine", 90, "quarantine")
        until(lambda: live(farm.once()) == 0, 90, "the end of the pilots")
        failed = farm.site()["ended_badly"]
        for _ in range(20):
            farm.once()
        assert farm.site()["ended_badly"] == failed <= 16
        assert "quarantine, the next canary in" in farm.tool("factory", "explain", farm.file, "main")
        (reason,) = farm.site()["failures"]
        said = farm.tool("factory", "outputs", farm.file, reason["example"])
        assert "'python3': No such file or directory" in said
    finally:
        break_nodes(slurm)
    farm.tool("factory", "resume", farm.file, "main")
    for _ in range(3):
        farm.once()
    assert len(farm.list_tags()) >= 4  # max_pending
    until(lambda: live(farm.once()) == 8, 60, "all pilots")
    assert farm.site()["state"] == "ok"
    farm.end_all()


def test_what_an_operator_cancels_is_gone_at_once_and_no_failure(slurm, new_farm):
    """Slurm shows the waiting parts of a cancelled array as one line without their numbers."""
    farm = new_farm("main", "options = --begin=now+1hour").make(20, max_running=5, command="true")
    until(lambda: live(farm.once()) == 4, 60, "waiting pilots")
    farm.tool("factory", "drain", farm.file)
    site = farm.once()
    assert (live(site), site["state"], site["ended_badly"]) == (0, "draining", 0)
    assert farm.list_tags() == []


def test_a_limit_on_a_users_jobs_is_a_cap(slurm, new_farm):
    farm = new_farm("main")
    change = ["sacctmgr", "-i", "-Q", "modify", "user", USER, "set"]
    subprocess.check_call(change + ["MaxSubmitJobs=3"], env=farm.environ, stdout=subprocess.DEVNULL)
    try:
        check_limit(farm, 3)
    finally:
        subprocess.check_call(
            change + ["MaxSubmitJobs=-1"], env=farm.environ, stdout=subprocess.DEVNULL
        )


@pytest.mark.parametrize(
    "answer, why",
    [
        ("exit 0", "lacks 4 of 4 jobs"),
        ('"$REAL" "$@" | head -n 1', "lacks 3 of 4 jobs"),
        ("echo '<?xml version=\"1.0\"?><job_info/>'", "squeue printed"),
        ("echo sorry >&2; exit 1", "squeue ended with 1: sorry"),
        ("kill -9 $$", "squeue was killed by signal 9"),
    ],
)
def test_a_wrong_answer_is_no_answer(slurm, new_farm, answer, why):
    """The accounting database answers nothing either."""
    farm = new_farm("main").make(40, max_running=4, command="sleep 600")
    until(lambda: farm.once()["running"] == 4, 90, "the pilots")
    before = sorted(farm.list_tags())
    farm.wrap("sacct", "", "exit 1")
    farm.wrap("squeue", subprocess.check_output(["which", "squeue"]).decode().strip(), answer)
    for _ in range(5):
        site = farm.once()
        assert site["running"] == 4, site
    explained = farm.tool("factory", "explain", farm.file, "main")
    assert sorted(farm.list_tags()) == before
    farm.unwrap()
    assert why in explained or site["state"] == "ok", (explained, json.dumps(site))
    until(lambda: farm.once()["state"] == "ok", 60, "an answer")
    assert farm.once()["running"] == 4
    assert sorted(farm.list_tags()) == before
    farm.end_all()

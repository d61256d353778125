"""HTCondor's commands, played by programs on PATH."""

import json
import random

import pytest

from pilot.ops.factory.backends.backend import Submission
from pilot.ops.factory.backends.htcondor import LIVE_STATES, parse_ads
from pilot.ops.factory.jobs import (
    JobState, MayHaveHappened, NoAnswer, SubmissionRefused, TooMany,
)

TAG = "pabcdefghjkm"


@pytest.fixture
def condor(commands):
    def make(**scripts):
        return commands("htcondor", {}, **dict(dict(condor_q="", condor_history=""), **scripts))

    return make


def ad(number=0, status=2, **more):
    values = {"ClusterId": 7, "ProcId": number, "PilotTag": TAG, "JobStatus": status}
    values.update(more)
    return values


def job(tmp_path, **more):
    return Submission(TAG, 2, str(tmp_path), "job.py", **more)


def test_a_submission_is_one_cluster_with_our_attribute(condor, tmp_path):
    (tmp_path / "token").write_text("secret")
    backend = condor(condor_submit="echo '7.0 - 7.1'")
    given = job(tmp_path, cores=4, memory_mb=800, gpus=1, walltime_s=60.0, avoid=("n1", "n2"),
                environment=(("A", "it's \"x\""),), options=("+Project = \"a\"",))
    assert backend.submit(given) == "7"
    assert backend.job_ids("7", 2) == ["7.0", "7.1"]
    lines = (tmp_path / "pilot.sub").read_text().splitlines()
    assert set(lines) >= {
        "executable = %s/job.py" % tmp_path,
        "environment = \"CONDOR_JOB_NUMBER=$(ProcId) A='it''s \"\"x\"\"'\"",
        "initialdir = %s/job-$(ProcId)" % tmp_path,
        "transfer_input_files = %s/token" % tmp_path,
        '+PilotTag = "%s"' % TAG,
        "request_cpus = 4", "request_memory = 800M", "request_gpus = 1",
        "allowed_execute_duration = 60", '+Project = "a"',
        'requirements = Machine != "n1" && Machine != "n2"',
    }
    assert lines[-1] == "queue 2"
    assert backend.workdir("/f", "3") == "." and backend.token_file("/f") == "token"


@pytest.mark.parametrize(
    "script, error",
    [
        ("echo 'ERROR: Failed to parse command file (line 3).' >&2; exit 1", SubmissionRefused),
        ("echo 'ERROR: Number of submitted jobs would exceed MAX_JOBS_PER_OWNER' >&2; exit 1", TooMany),
        ("echo 'ERROR: Failed to commit job submission into the queue.' >&2; exit 1", MayHaveHappened),
        ("kill -9 $$", MayHaveHappened),
        ("echo odd", MayHaveHappened),
    ],
)
def test_a_submission_that_fails(condor, tmp_path, script, error):
    with pytest.raises(error):
        condor(condor_submit=script).submit(job(tmp_path))


def test_live_and_ended_jobs(condor):
    live = json.dumps([ad(0, RemoteHost="slot1@n1"), ad(1, 5, HoldReason="too big")])
    ended = json.dumps([ad(2, 4, ExitCode=10, ExitBySignal=False, LastRemoteHost="slot1@n2"),
                        ad(3, 4, ExitBySignal=True, ExitSignal=9), ad(4, 3)])
    backend = condor(condor_q="echo '%s'" % live, condor_history="echo '%s'" % ended)
    found = {one.number: (one.state, one.node, one.exit_code) for one in backend.list_jobs().jobs}
    assert found == {
        0: (JobState.RUNNING, "n1", None),
        1: (JobState.HELD, "", None),
        2: (JobState.FAILED, "n2", 10),
        3: (JobState.FAILED, "", -9),
        4: (JobState.CANCELLED, "", None),
    }
    assert len(backend.calls()) == 2


@pytest.mark.parametrize("status", sorted(LIVE_STATES))
def test_every_status_of_htcondor_is_mapped(status):
    assert parse_ads(json.dumps([ad(0, status)]), False)[0].state == LIVE_STATES[status]


def test_no_jobs_print_nothing(condor):
    assert condor().list_jobs().jobs == []


def test_foreign_jobs_are_passed_over():
    text = json.dumps([dict(ad(), PilotTag="theirs"), {"ClusterId": 1}])
    assert parse_ads(text, False) == []


@pytest.mark.parametrize(
    "text", ["-- Failed to fetch ads", "{}", "[1]", json.dumps([ad(0, 99)]),
             json.dumps([dict(ad(), ProcId="0")])]
)
def test_what_condor_q_does_not_print_is_no_answer(text):
    with pytest.raises(NoAnswer):
        parse_ads(text, False)


def test_a_schedd_that_is_away_is_no_answer(condor):
    with pytest.raises(NoAnswer):
        condor(condor_q="echo 'Failed to connect' >&2; exit 1").list_jobs()


def test_damaged_answers_are_no_tracebacks():
    source = random.Random(5)
    text = json.dumps([ad(0, RemoteHost="a@b"), ad(1, 5), ad(2, 4, ExitCode=1)])
    for number in range(5000):
        damaged = list(text)
        for _ in range(source.randrange(1, 4)):
            at = source.randrange(len(damaged))
            damaged[at] = source.choice(["", "[", '"', "null", "9", ",", damaged[at] * 3])
        try:
            parse_ads("".join(damaged), bool(number % 2))
        except NoAnswer:
            pass

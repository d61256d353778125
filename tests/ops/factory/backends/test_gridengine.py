"""Grid Engine's commands, played by programs on PATH."""

import random

import pytest

from pilot.ops.factory.backends.backend import Submission
from pilot.ops.factory.backends.gridengine import parse_qacct, parse_qstat
from pilot.ops.factory.jobs import (
    JobState, MayHaveHappened, NoAnswer, SubmissionRefused, TooMany,
)

TAG = "pabcdefghjkm"
QSTAT = """<?xml version='1.0'?>
<job_info  xmlns:xsd="http://www.w3.org/2001/XMLSchema">
  <queue_info>
    <job_list state="running"><JB_job_number>7</JB_job_number><JAT_prio>0.5</JAT_prio>
      <JB_name>%s</JB_name><JB_owner>u</JB_owner><state>r</state>
      <queue_name>all.q@n1</queue_name><slots>1</slots><tasks>2</tasks></job_list>
    <job_list state="running"><JB_job_number>8</JB_job_number><JB_name>theirs</JB_name>
      <state>r</state><queue_name>all.q@n1</queue_name><slots>1</slots></job_list>
  </queue_info>
  <job_info>
    <job_list state="pending"><JB_job_number>7</JB_job_number><JB_name>%s</JB_name>
      <state>qw</state><queue_name></queue_name><slots>1</slots><tasks>3-5:1</tasks></job_list>
  </job_info>
</job_info>
""" % (TAG, TAG)
QACCT = """==============================================================
qname        all.q
hostname     n1
owner        u
jobname      %s
jobnumber    7
taskid       1
failed       0
exit_status  10
==============================================================
hostname     n2
jobname      theirs
jobnumber    8
taskid       undefined
failed       0
exit_status  0
Total System Usage
""" % TAG


@pytest.fixture
def engine(commands):
    def make(**scripts):
        return commands("gridengine", {}, **dict(dict(qstat="", qacct="exit 1", qdel=""), **scripts))

    return make


def job(tmp_path, **more):
    return Submission(TAG, 3, str(tmp_path), "job.py", **more)


def test_a_submission_is_one_array_from_1(engine, tmp_path):
    backend = engine(qsub="echo '77.1-3:1'")
    given = job(tmp_path, cores=4, memory_mb=8000, gpus=1, walltime_s=3600.0, queue="all.q",
                options=("-P", "a b"), environment=(("A", "1"),), avoid=("n1", "n2"))
    assert backend.submit(given) == "77"
    assert backend.job_ids("77", 3) == ["77.1", "77.2", "77.3"]
    assert backend.calls() == [
        "qsub -terse -N pabcdefghjkm -S /usr/bin/python3 -cwd -notify -j y -o %s/job-$TASK_ID.out"
        " -t 1-3 -pe smp 4 -l h_vmem=2000M -l gpu=1 -l h_rt=3600 -q all.q -l h=!n1&!n2 -v A=1"
        " -P a b job.py" % tmp_path
    ]


@pytest.mark.parametrize(
    "script, error",
    [
        ("echo 'Unable to run job: unknown queue' >&2; exit 1", SubmissionRefused),
        ("echo 'job rejected: Only 5 jobs are allowed per user (current job count: 5)' >&2; exit 25", TooMany),
        ("echo 'error: unable to contact qmaster using port 6444' >&2; exit 1", MayHaveHappened),
        ("kill -9 $$", MayHaveHappened),
        ("echo odd", MayHaveHappened),
    ],
)
def test_a_submission_that_fails(engine, tmp_path, script, error):
    with pytest.raises(error):
        engine(qsub=script).submit(job(tmp_path))


def test_live_and_ended_tasks(engine):
    backend = engine(qstat="cat <<'E'\n%sE" % QSTAT, qacct="cat <<'E'\n%sE" % QACCT)
    found = {one.number: (one.id, one.state, one.node, one.exit_code) for one in backend.list_jobs().jobs}
    assert found == {
        1: ("7.1", JobState.FAILED, "n1", 10),
        2: ("7.2", JobState.RUNNING, "n1", None),
        3: ("7.3", JobState.PENDING, "", None),
        4: ("7.4", JobState.PENDING, "", None),
        5: ("7.5", JobState.PENDING, "", None),
    }
    assert len(backend.calls()) == 2


@pytest.mark.parametrize(
    "letters, state",
    [
        ("r", JobState.RUNNING), ("t", JobState.CONFIGURING), ("qw", JobState.PENDING),
        ("hqw", JobState.HELD), ("Eqw", JobState.HELD), ("Rr", JobState.RUNNING),
        ("Rq", JobState.REQUEUED), ("s", JobState.SUSPENDED), ("S", JobState.SUSPENDED),
        ("T", JobState.SUSPENDED), ("dr", JobState.COMPLETING), ("dt", JobState.COMPLETING),
    ],
)
def test_every_state_of_grid_engine_is_mapped(letters, state):
    text = QSTAT.replace("<state>r</state>", "<state>%s</state>" % letters, 1)
    assert parse_qstat(text)[0].state == state


@pytest.mark.parametrize(
    "failed, code, state, exit_code",
    [
        ("0", "0", JobState.OK, 0),
        ("0", "10", JobState.FAILED, 10),
        ("37  : qmaster enforced h_rt limit", "137", JobState.TIMEOUT, -9),
        ("100 : assumedly after job", "137", JobState.CANCELLED, -9),
        ("1   : assumedly before job", "0", JobState.NODE_LOST, 0),
    ],
)
def test_how_a_task_ended(failed, code, state, exit_code):
    text = QACCT.replace("failed       0", "failed       " + failed, 1)
    (one,) = parse_qacct(text.replace("exit_status  10", "exit_status  " + code, 1))
    assert (one.state, one.exit_code) == (state, exit_code)


@pytest.mark.parametrize(
    "text", ["", "error: unable to contact qmaster", "<html></html>", "<job_info><job_list>",
             QSTAT.replace("<state>r", "<state>Y", 1), QSTAT.replace("3-5:1", "all")]
)
def test_what_qstat_does_not_print_is_no_answer(text):
    with pytest.raises(NoAnswer):
        parse_qstat(text)


def test_tasks_that_have_ended_already_do_not_matter(engine):
    engine(qdel="echo 'denied: job \"7\" does not exist' >&2; exit 1").cancel(["7.1"])
    with pytest.raises(NoAnswer):
        engine(qdel="echo 'unable to contact qmaster' >&2; exit 1").cancel(["7.1"])


def test_damaged_answers_are_no_tracebacks():
    source = random.Random(5)
    for number in range(5000):
        damaged = list(QSTAT if number % 2 else QACCT)
        for _ in range(source.randrange(1, 5)):
            at = source.randrange(len(damaged))
            damaged[at] = source.choice(["", "<", "\n", "&", "9", " ", damaged[at] * 3])
        try:
            (parse_qstat if number % 2 else parse_qacct)("".join(damaged))
        except NoAnswer:
            pass

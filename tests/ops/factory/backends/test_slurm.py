"""Slurm's commands, played by programs on PATH."""

import random

import pytest

from pilot.ops.factory.backends.backend import Submission
from pilot.ops.factory.backends.slurm import STATES, parse_clock, parse_sacct, parse_squeue
from pilot.ops.factory.jobs import (
    JobState, MayHaveHappened, NoAnswer, SubmissionRefused, TooMany,
)

TAG = "pabcdefghjkm"
OTHERS = "17|0|RUNNING|n1|0|None|their | job|\n18|N/A|PENDING||0|Priority|pilot|\n"


@pytest.fixture
def slurm(commands):
    """A backend whose commands are scripts: `slurm(squeue="shell text")`."""
    variables = dict(SQUEUE_FORMAT="%T", SACCT_FORMAT="State", SLURM_TIME_FORMAT="relative",
                     LC_ALL="de_DE.UTF-8")

    def make(**scripts):
        known = dict(dict(sacct="exit 1", squeue="", sinfo="", scancel=""), **scripts)
        return commands("slurm", variables, **known)

    return make


def job(tmp_path, **more):
    return Submission(TAG, 3, str(tmp_path), "job.py", **more)


def lines(*states):
    return "".join(
        "5|%d|%s|n%d|0|None|%s|\n" % (n, state, n, TAG) for n, state in enumerate(states)
    )


def test_a_submission_is_one_array(slurm, tmp_path):
    backend = slurm(sbatch="echo '77;cluster'")
    given = job(tmp_path, cores=4, memory_mb=8000, gpus=1, walltime_s=3600.0, queue="main",
                options=("--account=abc", "--comment=a b"), environment=(("A", "1"),),
                avoid=("n1", "n2"))
    assert backend.submit(given) == "77"
    assert backend.job_ids("77", 3) == ["77_0", "77_1", "77_2"]
    (call,) = backend.calls()
    assert call == (
        "sbatch --parsable --job-name=pabcdefghjkm --open-mode=append --output=%s/job-%%a.out"
        " --array=0-2 --nodes=1 --ntasks=1 --cpus-per-task=4 --mem=8000M --gpus=1 --time=1:00:00"
        " --signal=B:USR1@120 --partition=main --exclude=n1,n2 --export=ALL,A=1 --account=abc"
        " --comment=a b job.py" % tmp_path
    )


@pytest.mark.parametrize(
    "script, error",
    [
        ("echo 'sbatch: error: invalid partition specified: x' >&2; exit 1", SubmissionRefused),
        ("echo 'sbatch: error: QOSMaxSubmitJobPerUserLimit' >&2; exit 1", TooMany),
        ("echo 'Batch job submission failed: Socket timed out on send/recv' >&2; exit 1", MayHaveHappened),
        ("echo 'error: Unable to contact slurm controller' >&2; exit 1", MayHaveHappened),
        ("kill -9 $$", MayHaveHappened),
        ("exit 1", MayHaveHappened),
        ("echo what", MayHaveHappened),
    ],
)
def test_a_submission_that_fails(slurm, tmp_path, script, error):
    with pytest.raises(error):
        slurm(sbatch=script).submit(job(tmp_path))


def test_a_command_that_is_not_there_may_have_been_there(slurm, tmp_path):
    backend = slurm()
    backend._environ["PATH"] = str(tmp_path)
    with pytest.raises((MayHaveHappened, SubmissionRefused)):
        backend.submit(job(tmp_path))


def test_the_formats_are_our_own(slurm):
    backend = slurm(squeue='[ -z "$SQUEUE_FORMAT$SLURM_TIME_FORMAT" ] && [ "$LC_ALL" = C ] || echo odd')
    assert backend.list_jobs().jobs == []


def test_all_jobs_come_with_two_commands_however_many_there_are(slurm):
    many = "".join("9|%d|RUNNING|n|0|None|%s|\n" % (n, TAG) for n in range(2000))
    backend = slurm(squeue="cat <<'E'\n%sE" % (OTHERS + many))
    assert len(backend.list_jobs().jobs) == 2000
    assert len(backend.calls()) == 2


def test_states_nodes_and_foreign_jobs(slurm):
    backend = slurm(squeue="cat <<'E'\n%sE" % (OTHERS + lines("RUNNING", "PENDING", "SUSPENDED")))
    found = [(one.id, one.number, one.state, one.node) for one in backend.list_jobs().jobs]
    assert found == [
        ("5_0", 0, JobState.RUNNING, "n0"), ("5_1", 1, JobState.PENDING, "n1"),
        ("5_2", 2, JobState.SUSPENDED, "n2"),
    ]


@pytest.mark.parametrize("word", sorted(STATES))
def test_every_state_of_slurm_is_mapped(word):
    (one,) = parse_squeue("5|0|%s|n|0|None|%s|\n" % (word, TAG))
    assert one.state == STATES[word]


def test_a_held_job_is_held():
    assert parse_squeue("5|0|PENDING||0|JobHeldUser|%s|\n" % TAG)[0].state == JobState.HELD


@pytest.mark.parametrize(
    "state, status, code",
    [("FAILED", "32512", 127), ("FAILED", "9", -9), ("COMPLETED", "0", 0), ("RUNNING", "0", None),
     ("CANCELLED", "0", None), ("FAILED", "N/A", None)],
)
def test_squeue_says_how_a_job_ended_before_accounting_does(state, status, code):
    assert parse_squeue("5|0|%s|n|%s|None|%s|\n" % (state, status, TAG))[0].exit_code == code


@pytest.mark.parametrize(
    "text", ["nonsense\n", "5|0|DREAMING|n|0|None|%s|\n" % TAG, "<html>\n", "{}\n"]
)
def test_what_squeue_does_not_print_is_no_answer(text):
    with pytest.raises(NoAnswer):
        parse_squeue(text)


@pytest.mark.parametrize("script", ["exit 1", "kill -9 $$", "echo '5|0|RUNNING'"])
def test_a_squeue_that_fails_is_no_answer(slurm, script):
    with pytest.raises(NoAnswer):
        slurm(squeue=script).list_jobs()


def test_accounting_says_how_jobs_ended(slurm):
    ended = "5_0|%s|COMPLETED|0:0|n0\n5_1|%s|FAILED|10:0|n1\n5_2|%s|CANCELLED by 1000|0:15|n2\n"
    backend = slurm(squeue="cat <<'E'\n%sE" % lines("COMPLETED"),
                    sacct="cat <<'E'\n%sE" % (ended % (TAG, TAG, TAG)))
    found = {one.number: (one.state, one.exit_code) for one in backend.list_jobs().jobs}
    assert found == {
        0: (JobState.OK, 0), 1: (JobState.FAILED, 10), 2: (JobState.CANCELLED, -15),
    }


def test_accounting_that_lags_behind_changes_nothing(slurm):
    backend = slurm(squeue="cat <<'E'\n%sE" % lines("RUNNING"),
                    sacct="echo '5_0|%s|PENDING|0:0|None assigned'" % TAG)
    assert [one.state for one in backend.list_jobs().jobs] == [JobState.RUNNING]


def test_a_cluster_without_accounting_is_asked_once(slurm):
    backend = slurm(sacct="echo 'Slurm accounting storage is disabled' >&2; exit 1")
    for _ in range(3):
        assert backend.list_jobs().jobs == []
    assert [call.split()[0] for call in backend.calls()].count("sacct") == 1


def test_a_time_that_the_partition_does_not_allow_is_refused(slurm, tmp_path):
    backend = slurm(sbatch="exit 0", sinfo="echo 'main*|1-00:00:00'; echo 'short|2:00'")
    with pytest.raises(SubmissionRefused, match="longer than the partition's limit of 24:00:00"):
        backend.check(job(tmp_path, walltime_s=90000.0))
    backend.check(job(tmp_path, walltime_s=80000.0))


def test_slurm_s_own_sentence_refuses(slurm, tmp_path):
    backend = slurm(sbatch="echo 'allocation failure: Invalid account' >&2; exit 1")
    with pytest.raises(SubmissionRefused, match="Invalid account"):
        backend.check(job(tmp_path))
    assert "--test-only" in backend.calls()[0]


def test_many_jobs_are_cancelled_in_few_commands(slurm):
    backend = slurm()
    backend.cancel(["5_%d" % number for number in range(1200)])
    assert len(backend.calls()) == 3


@pytest.mark.parametrize(
    "text, seconds",
    [("2:00", 120.0), ("1:00:00", 3600.0), ("1-00:00:00", 86400.0), ("infinite", None), ("n/a", None)],
)
def test_slurm_s_clock(text, seconds):
    assert parse_clock(text) == seconds


def test_ten_thousand_damaged_answers_are_no_tracebacks():
    source = random.Random(5)
    text = OTHERS + lines(*sorted(STATES))
    ended = "5_0|%s|COMPLETED|0:0|n0\n5_1|%s|FAILED|10:0|n1\n" % (TAG, TAG)
    for number in range(10000):
        damaged = list(text if number % 2 else ended)
        for _ in range(source.randrange(1, 5)):
            at = source.randrange(len(damaged))
            damaged[at] = source.choice(["", "|", "\n", "\0", "\ufffd", "9", damaged[at] * 3])
        try:
            (parse_squeue if number % 2 else parse_sacct)("".join(damaged))
        except NoAnswer:
            pass

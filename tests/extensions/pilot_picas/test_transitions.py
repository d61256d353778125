"""What each event makes of a token's document."""

import pytest

from pilot.pool.interface import Final
from tests.conftest import extension
from tests.extensions.pilot_picas.tokens import TOKEN, lock_for_p1

token = extension("pilot_picas.token")
transitions = extension("pilot_picas.transitions")


@pytest.mark.parametrize(
    "environ, fields",
    [
        ({"SLURM_JOB_ID": "7"}, {"slurm_job_id": "7"}),
        (
            {"SLURM_JOB_ID": "9", "SLURM_ARRAY_JOB_ID": "7", "SLURM_ARRAY_TASK_ID": "2"},
            {"slurm_job_id": "7_2"},
        ),
        ({"GLITE_WMS_JOBID": "none", "PBS_JOBID": "5.x"}, {"pbs_job_id": "5.x"}),
        ({"DIRACJOBID": "1", "SLURM_JOB_ID": "7"}, {"dirac_job_id": "1"}),
        ({}, {}),
    ],
)
def test_the_job_id_is_kept_as_picas_does(environ, fields):
    found = transitions.lock_token(TOKEN, "p1", 300, 1000.5, "wn1", environ, "r1")
    assert {key: found[key] for key in found if key.endswith("_job_id")} == fields
    assert (found["lock"], found["done"], found["hostname"], found["mine"]) == (
        1000,
        0,
        "wn1",
        {"kept": True},
    )


def test_an_end_is_written_where_the_old_client_looks():
    held = transitions.lock_token(TOKEN, "p1", 300, 1000.0, "wn1", {"SLURM_JOB_ID": "7"}, "r1")
    good = transitions.end_attempt(
        held,
        Final(
            "t1", 1, "done", "", {"exit_code": 0, "stdout": "hi\n", "stderr": "", "seconds": 2.0}
        ),
        1010.0,
    )
    assert (good["done"], good["exit_code"], good["output"]["seconds"], good["slurm_job_id"]) == (
        1010,
        0,
        2.0,
        "7",
    )
    assert "pilot_lease" not in good
    assert set(good["_attachments"]) == {"logs_t1.out", "logs_t1.err"}
    assert good["_attachments"]["logs_t1.out"]["data"] == "aGkK"
    failure = Final("t1", 1, "error", "exit code 3", {"exit_code": 3})
    bad = transitions.end_attempt(held, failure, 1010.0)
    assert (bad["lock"], bad["done"], bad["scrub_count"], bad["exit_code"]) == (0, 0, 1, 3)
    assert bad["error"][0]["message"] == "exit code 3"
    assert "slurm_job_id" not in bad
    worst = transitions.end_attempt(
        dict(held, scrub_count=2), failure, 1010.0
    )
    assert token.state_of(worst) == "error"
    assert worst["scrub_count"] == 2


def test_a_lease_that_is_prolonged_runs_on():
    assert not token.lease_expired(transitions.renew_lease(lock_for_p1(), 300, 1200.0), 1400.0)


def test_a_lost_lease_names_the_pilot():
    lost = transitions.lose_lease(lock_for_p1(), 1400.0)
    assert lost["error"][-1]["message"] == "pilot p1 did not renew the lease"


def test_after_a_failure_the_token_waits():
    failed = transitions.end_attempt(lock_for_p1(), Final("t1", 1, "error", "x", {}), 1010.0)
    assert token.wait_of(failed, 1010.0) == 20.0


def test_a_token_given_back_costs_no_attempt():
    back = transitions.end_attempt(lock_for_p1(), Final("t1", 1, "released", "drained", {}), 1010.0)
    assert (token.state_of(back), token.scrubs_of(back)) == ("todo", 0)


def test_a_token_given_back_too_often_is_an_error_with_its_reasons():
    bound = dict(lock_for_p1(), **{token.TASK: {"max_releases": 0}})
    back = transitions.end_attempt(bound, Final("t1", 1, "released", "drained", {}), 1010.0)
    assert back["error"][-1]["message"] == "given back 1 times, max_releases is 0: drained"


def test_a_token_that_is_held_ends_its_attempt():
    held = transitions.hold_token(lock_for_p1(), 1010.0)
    assert [one["outcome"] for one in token.history_of(held)] == ["cancelled"]


def test_a_token_sent_back_has_fresh_attempts():
    back = transitions.reset_token(dict(TOKEN, lock=9, done=9, scrub_count=3, exit_code=1))
    assert (token.state_of(back), token.scrubs_of(back)) == ("todo", 0)

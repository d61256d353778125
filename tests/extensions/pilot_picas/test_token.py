"""What becomes of a token's document."""

import pytest

from pilot.pool.interface import Final, Offer
from tests.conftest import extension
from tests.extensions.pilot_picas.tokens import TOKEN

token = extension("pilot_picas.token")


def test_states_are_those_of_the_views():
    assert token.state_of(TOKEN) == "todo"
    assert token.state_of(dict(TOKEN, lock=5)) == "locked"
    assert token.state_of(dict(TOKEN, lock=5, done=6, exit_code=0)) == "done"
    assert token.state_of(dict(TOKEN, lock=5, done=6, exit_code="0")) == "done"
    assert token.state_of(dict(TOKEN, lock=99, done=99)) == "error"
    assert token.state_of(dict(TOKEN, lock=-1)) == "held"


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
    found = token.lock_token(TOKEN, "p1", 300, 1000.5, "wn1", environ, "r1")
    assert {key: found[key] for key in found if key.endswith("_job_id")} == fields
    assert (found["lock"], found["done"], found["hostname"], found["mine"]) == (
        1000,
        0,
        "wn1",
        {"kept": True},
    )


def test_an_end_is_written_where_the_old_client_looks():
    held = token.lock_token(TOKEN, "p1", 300, 1000.0, "wn1", {"SLURM_JOB_ID": "7"}, "r1")
    good = token.end_attempt(
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
    bad = token.end_attempt(held, Final("t1", 1, "error", "exit code 3", {"exit_code": 3}), 1010.0)
    assert (bad["lock"], bad["done"], bad["scrub_count"], bad["exit_code"]) == (0, 0, 1, 3)
    assert bad["error"][0]["message"] == "exit code 3"
    assert "slurm_job_id" not in bad
    worst = token.end_attempt(
        dict(held, scrub_count=2), Final("t1", 1, "error", "exit code 3", {"exit_code": 3}), 1010.0
    )
    assert token.state_of(worst) == "error"
    assert worst["scrub_count"] == 2


def test_a_command_is_filled_from_the_token():
    spec = token.spec_of(dict(TOKEN, input={"a": 1}, cores=4), "./run.sh {input} --id={_id} {none}")
    assert spec["command"] == ["./run.sh", '{"a": 1}', "--id=t1", ""]
    assert spec["cores"] == 4
    assert spec["env"]["PICAS_INPUT"] == '{"a": 1}'
    assert token.spec_of(TOKEN, "") is None
    for text in ("run {input", ""):
        with pytest.raises(ValueError):
            token.parse_template(text)


def test_a_token_of_ours_has_the_variables_too():
    document = dict(TOKEN, input="x", **{token.TASK: {"command": ["env"], "env": {"A": "1"}}})
    assert token.spec_of(document, "")["env"] == {
        "PICAS_TOKEN_ID": TOKEN["_id"],
        "PICAS_INPUT": "x",
        "A": "1",
    }


@pytest.mark.parametrize(
    "spec, offer, fits",
    [
        ({}, Offer(), True),
        ({"cores": 2}, Offer(cores=1), False),
        ({"gpus": 1}, Offer(), False),
        ({"memory_mb": 100}, Offer(memory_mb=50), False),
        ({"memory_mb": 100}, Offer(memory_mb=None), True),
        ({"walltime_s": 60}, Offer(time_left_s=30.0), False),
        ({"walltime_s": 60}, Offer(time_left_s=90.0), True),
        ({}, Offer(unbounded=False), False),
        ({"tags": ["a"]}, Offer(), False),
        ({"tags": ["a"]}, Offer(tags=("a", "b")), True),
        ({"container": "x"}, Offer(), False),
        ({"container": "x"}, Offer(containers=True), True),
    ],
)
def test_a_token_goes_to_who_offers_enough(spec, offer, fits):
    assert token.fits_offer(spec, offer) is fits


@pytest.mark.parametrize(
    "edit, claimable",
    [
        ({}, True),
        ({"lock": 5}, False),
        ({"lock": -1}, False),
        ({"type": "note"}, False),
        ({token.NOT_BEFORE: 2000.0}, False),
        ({token.NOT_BEFORE: 1000.0}, True),
    ],
)
def test_what_waits_for_nothing_may_be_claimed(edit, claimable):
    assert token.is_claimable(dict(TOKEN, **edit), 1000.0) is claimable


def locked(**environ):
    return token.lock_token(TOKEN, "p1", 300, 1000.0, "wn1", environ, "r1")


@pytest.mark.parametrize("now, expired", [(1299.0, False), (1300.0, True)])
def test_a_lease_runs_out_at_its_time(now, expired):
    assert token.lease_expired(locked(), now) is expired


def test_a_lease_that_is_prolonged_runs_on():
    assert not token.lease_expired(token.renew_lease(locked(), 300, 1200.0), 1400.0)


@pytest.mark.parametrize(
    "generation, pilot, holds", [(1, "p1", True), (2, "p1", False), (1, "p2", False)]
)
def test_a_lease_is_of_one_pilot_and_one_attempt(generation, pilot, holds):
    assert token.holds_lease(locked(), generation, pilot) is holds


def test_a_lost_lease_names_the_pilot():
    lost = token.lose_lease(locked(), 1400.0)
    assert lost["error"][-1]["message"] == "pilot p1 was not heard of within the lease"


def test_after_a_failure_the_token_waits():
    failed = token.end_attempt(locked(), Final("t1", 1, "error", "x", {}), 1010.0)
    assert token.wait_of(failed, 1010.0) == 20.0


def test_a_token_given_back_costs_no_attempt():
    back = token.end_attempt(locked(), Final("t1", 1, "released", "drained", {}), 1010.0)
    assert (token.state_of(back), token.scrubs_of(back)) == ("todo", 0)


def test_a_token_given_back_too_often_is_an_error_with_its_reasons():
    bound = dict(locked(), **{token.TASK: {"max_releases": 0}})
    back = token.end_attempt(bound, Final("t1", 1, "released", "drained", {}), 1010.0)
    assert back["error"][-1]["message"] == "given back 1 times, max_releases is 0: drained"


def test_a_token_that_is_held_ends_its_attempt():
    held = token.hold_token(locked(), 1010.0)
    assert [one["outcome"] for one in token.history_of(held)] == ["cancelled"]


def test_a_token_sent_back_has_fresh_attempts():
    back = token.sent_back(dict(TOKEN, lock=9, done=9, scrub_count=3, exit_code=1))
    assert (token.state_of(back), token.scrubs_of(back)) == ("todo", 0)


def test_a_new_token_is_one_of_picas_own():
    made = token.new_token({"id": "a", "command": ["true"], "cores": 2, "meta": {"x": 1}})
    assert {key: made[key] for key in ("_id", "type", "cores", "input")} == {
        "_id": "a",
        "type": "token",
        "cores": 2,
        "input": {"x": 1},
    }


@pytest.mark.parametrize(
    "text, sentence", [("run {input", "a { without its }"), ("  ", "names no program")]
)
def test_a_template_with_a_mistake_is_one_sentence(text, sentence):
    with pytest.raises(ValueError, match=sentence):
        token.parse_template(text)


@pytest.mark.parametrize("priority, found", [(5, 5), ("high", 0), (None, 0)])
def test_a_priority_that_is_no_number_is_none(priority, found):
    assert token.priority_of(dict(TOKEN, **{token.TASK: {"priority": priority}})) == found

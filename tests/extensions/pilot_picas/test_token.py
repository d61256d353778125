"""What becomes of a token's document."""

import pytest

from pilot.pool.interface import Final
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

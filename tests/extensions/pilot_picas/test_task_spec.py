"""What a pilot runs for a token."""

import pytest

from pilot.pool.interface import Offer
from tests.conftest import extension
from tests.extensions.pilot_picas.tokens import TOKEN

task_spec = extension("pilot_picas.task_spec")
token = extension("pilot_picas.token")


def test_a_command_is_filled_from_the_token():
    document = dict(TOKEN, input={"a": 1}, cores=4)
    spec = task_spec.spec_of(document, "./run.sh {input} --id={_id} {none}")
    assert spec["command"] == ["./run.sh", '{"a": 1}', "--id=t1", ""]
    assert spec["cores"] == 4
    assert spec["env"]["PICAS_INPUT"] == '{"a": 1}'
    assert task_spec.spec_of(TOKEN, "") is None
    for text in ("run {input", ""):
        with pytest.raises(ValueError):
            task_spec.parse_template(text)


def test_a_token_of_ours_has_the_variables_too():
    document = dict(TOKEN, input="x", **{token.TASK: {"command": ["env"], "env": {"A": "1"}}})
    assert task_spec.spec_of(document, "")["env"] == {
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
    assert task_spec.fits_offer(spec, offer) is fits


def test_a_new_token_is_one_of_picas_own():
    made = task_spec.new_token({"id": "a", "command": ["true"], "cores": 2, "meta": {"x": 1}})
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
        task_spec.parse_template(text)

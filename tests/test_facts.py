"""Facts as later commands, the report and other programs read them."""

import json

import pytest

from pilot import facts
from pilot.engine.report import jsonable
from pilot.facts import GPU, BatchJob, CPUPower, Installation, InstallAttempt
from pilot.testing import worker_node


def test_a_job_of_which_nothing_is_known_but_its_system_tells_nothing():
    job = BatchJob("local")
    assert {value for value in job[1:] if value} == set()


def test_a_power_is_raw_unless_it_is_said_otherwise():
    assert CPUPower(10.0, (10.0,), 1, False, False).score == "raw"


def test_an_installation_without_attempts_has_none():
    assert Installation("none", "", {}).attempts == ()


@pytest.mark.parametrize(
    "fact, field", [(BatchJob("local"), "cores"), (worker_node(), "memory_mb")]
)
def test_a_fact_does_not_change_once_it_was_found(fact, field):
    with pytest.raises(AttributeError):
        setattr(fact, field, 1)


def test_another_fact_is_made_with_what_differs():
    assert worker_node()._replace(gpus=(GPU("A100", 40000, "0/GPU-1"),)).gpus[0].memory_mb == 40000


@pytest.mark.parametrize(
    "fact",
    [
        worker_node(gpus=(GPU("A100", 40000, "0/GPU-1"),)),
        BatchJob("Slurm", "7", others=("ARC",)),
        Installation("env:/a", "/a", {"A": "1"}, (InstallAttempt("env:/a", True, 0.1, ""),)),
    ],
)
def test_a_fact_becomes_json_with_its_fields_names(fact):
    assert set(json.loads(json.dumps(jsonable(fact)))) == set(fact._fields)


def test_each_kind_of_fact_says_what_it_is():
    kinds = [kind for kind in vars(facts).values() if hasattr(kind, "_fields")]
    assert [kind.__name__ for kind in kinds if kind.__doc__.startswith(kind.__name__ + "(")] == []

"""What is free in a slot, and what fits."""

import pytest

from pilot.agent import capacity
from pilot.agent.config import AgentConfig
from pilot.pool.interface import Offer

CONFIG = AgentConfig(
    "p1",
    "/w",
    "/o",
    {},
    slots=3,
    cores=4,
    memory_mb=4000,
    gpus=["0/a", "1/b"],
    tags=["t"],
)
SPEC = {"cores": 2, "memory_mb": 1000}


def test_what_runs_is_taken_from_what_is_offered():
    left = capacity.free_part(capacity.whole_slot(CONFIG), [SPEC, {}], ["0/a"])
    assert left == capacity.Capacity(1, 1, 3000, ["1/b"])
    assert capacity.make_offer(left, CONFIG, 100.0) == Offer(1, 3000, 1, 100.0, ("t",), False)


@pytest.mark.parametrize(
    "running, time_left", [([{}, {}, {}], None), ([{"cores": 4}], None), ([], 0.0), ([], -5.0)]
)
def test_when_nothing_fits_nothing_is_asked_for(running, time_left):
    assert (
        capacity.make_offer(
            capacity.free_part(capacity.whole_slot(CONFIG), running, []), CONFIG, time_left
        )
        is None
    )


def test_more_slots_than_cores_share_the_cores():
    assert capacity.whole_slot(CONFIG._replace(slots=8)).cores == 8


@pytest.mark.parametrize(
    "spec, fits",
    [
        ({}, True),
        ({"cores": 5}, False),
        ({"memory_mb": 5000}, False),
        ({"gpus": 3}, False),
        ({"gpus": 2}, True),
    ],
)
def test_a_task_fits_or_not(spec, fits):
    assert capacity.fits(capacity.whole_slot(CONFIG), spec) is fits

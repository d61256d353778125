"""Each guard, their order and their words."""

import math

import pytest

from pilot.ops.factory.guards import Limits, run_guards


def limits(**more):
    return Limits(max_pending=100, max_running=100, max_per_cycle=100, rate_per_min=100.0)._replace(
        **more
    )


@pytest.mark.parametrize(
    "given, n, words",
    [
        ({}, 20, ""),
        ({"mode": "offline"}, 0, "mode offline"),
        ({"mode": "test"}, 1, "mode test"),
        ({"mode": "test", "running": 1}, 0, "mode test"),
        ({"downtime_left_s": 60.0}, 0, "downtime for 60 s more"),
        ({"paused": "draining"}, 0, "draining"),
        ({"unknown": "squeue hangs"}, 0, "unknown: squeue hangs"),
        ({"back_off_s": 30.0, "back_off_why": "no"}, 0, "back-off for 30 s more: no"),
        ({"stopped": "exit code 2"}, 0, "stopped: exit code 2"),
        ({"quarantine": "bad"}, 1, "quarantine, canary: bad"),
        ({"quarantine": "bad", "canary_age_s": 100.0}, 0,
         "quarantine, the next canary in 500 s: bad"),
        ({"max_pending": 5}, 5, "max_pending 5-0 = 5"),
        ({"max_pending": 5, "pending": 2, "held": 1}, 2, "max_pending 5-3 = 2"),
        ({"max_running": 8, "running": 5}, 3, "max_running 8-5 = 3"),
        ({"max_running": 8, "running": 5, "pending": 2, "held": 4}, 0, "max_running 8-11 = 0"),
        ({"learned_cap": 4, "running": 1}, 3, "the batch system's limit 4-1 = 3"),
        ({"max_total": 30, "total": 25}, 5, "max_total 30-25 = 5"),
        ({"max_per_cycle": 7}, 7, "max_per_cycle 7-0 = 7"),
        ({"rate_per_min": 10.5, "lately": 4}, 6, "rate_per_min 10-4 = 6"),
    ],
)
def test_a_guard(given, n, words):
    assert run_guards(20, limits(**given)) == (n, [words] if words else [])


def test_what_closes_a_site_is_told_also_without_demand():
    assert run_guards(0, limits(unknown="squeue hangs")) == (0, ["unknown: squeue hangs"])


def test_caps_are_not_told_without_demand():
    assert run_guards(0, limits(max_pending=0)) == (0, [])


def test_nothing_is_told_after_what_closes_the_site():
    assert run_guards(9, limits(unknown="x", paused="paused")) == (0, ["paused"])


def test_all_caps_together():
    n, words = run_guards(50, limits(max_pending=9, max_running=8, max_total=7, max_per_cycle=6))
    assert (n, len(words)) == (6, 4)


def test_never_below_zero():
    given = limits(max_running=1, running=5, max_total=0, total=math.inf)
    assert run_guards(3, given)[0] == 0

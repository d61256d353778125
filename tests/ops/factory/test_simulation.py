"""A virtual day of the factory."""

import json

import pytest

from pilot.ops.factory.__main__ import main
from pilot.ops.factory.config import parse_farm
from pilot.ops.factory.simulation import Load, Simulation
from tests.conftest import ROOT

FARM = """\
[factory]
pool = sqlite:x

[site main]
backend = local
max_running = 8
max_pending = 4
idle_s = 300
policy = %s
%s
"""


@pytest.fixture
def simulate(tmp_path):
    """The totals of some virtual hours; `levels` of the last one."""
    made = []

    def run(policy="demand half persist(60)", more="", hours=6.0, load=Load(), seed=1):
        farm = parse_farm(FARM % (policy, more), str(tmp_path / "farm.ini"), ("local",))
        made.append(Simulation(farm, load, seed))
        run.simulation = made[-1]
        return made[-1].run(farm, str(tmp_path / ("book-%d" % len(made))), hours)

    return run


def test_the_work_of_a_quiet_day_is_done(simulate):
    totals = simulate(load=Load(20.0, 300.0), hours=12.0)
    assert totals.done > 150
    assert totals.left + totals.done < 400
    assert 0 < totals.wait_s < 1800


def test_the_same_seed_gives_the_same_day(simulate):
    assert simulate() == simulate()
    assert simulate() != simulate(seed=2)


def test_the_caps_hold_all_day(simulate):
    totals = simulate("demand", load=Load(600.0, 900.0))
    assert totals.most_running == 8
    levels = simulate.simulation.levels
    assert max(level["running"] + level["pending"] for level in levels) <= 8
    assert max(level["pending"] for level in levels) <= 4


def test_demand_that_need_not_last_wastes_more_and_waits_less(simulate):
    load = Load(12.0, 120.0)
    eager, patient = simulate("demand", load=load), simulate("demand half persist(600)", load=load)
    assert eager.wait_s < patient.wait_s
    assert eager.pilots >= patient.pilots


def test_no_work_means_no_pilots(simulate):
    assert simulate(load=Load(0.0001, 60.0)).pilots <= 1


def test_a_slot_that_is_too_short_for_a_task_runs_none(simulate):
    assert simulate(more="walltime = 10m", load=Load(60.0, 900.0)).done == 0


def test_a_site_that_fails_everything_is_not_flooded(simulate):
    totals = simulate("demand", "fake_fail = 1", load=Load(600.0, 60.0))
    assert totals.done == 0
    # one node only is seen: it is left out, and the site goes on
    assert totals.pilots < 6 * 60 * 4


def test_policies_are_compared_in_a_table(capsys):
    file = str(ROOT / "examples" / "factory-local.ini")
    words = ["simulate", file, "--hours", "3", "--policy", "demand", "--policy", "fixed(1)"]
    assert main(words) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["policy", "demand", "fixed(1)"]
    assert main(words + ["--json"]) == 0
    assert [row["policy"] for row in json.loads(capsys.readouterr().out)] == ["demand", "fixed(1)"]


@pytest.mark.parametrize("words", [["--hours", "x"], ["--policy", "odd"], ["--task-s", "soon"]])
def test_mistakes_are_told(words, capsys):
    assert main(["simulate", str(ROOT / "examples" / "factory-local.ini")] + words) == 2
    assert "simulate: " in capsys.readouterr().err

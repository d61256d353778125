"""A virtual day of the factory."""

import json
import re
import shlex
import subprocess
import sys
from xml.etree import ElementTree

import pytest

from pilot.errors import UsageError
from pilot.ops.factory.__main__ import main
from pilot.ops.factory.config import parse_farm
from pilot.ops.factory.fake import Load
from pilot.ops.factory.simulation import Point, Simulation, spread_sites
from pilot.ops.factory.simulation_svg import draw_simulations
from tests.conftest import ROOT

FARM = """\
[factory]
pool = sqlite:x

[site main]
backend = fake
max_running = 8
max_pending = 4
idle_s = 300
policy = %s
%s
"""


@pytest.fixture
def simulate(tmp_path):
    """The totals of some virtual hours; `points` are those of the last run."""
    made = []

    def run(policy="demand half persist(60)", more="", hours=6.0, load=Load(), seed=1):
        farm = parse_farm(FARM % (policy, more), str(tmp_path / "farm.ini"), ("fake",))
        made.append(Simulation(farm, load, seed))
        totals = made[-1].run(str(tmp_path / ("book-%d" % len(made))), hours)
        run.points = made[-1].points
        return totals

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
    assert max(point.running + point.pending for point in simulate.points) <= 8
    assert max(point.pending for point in simulate.points) <= 4
    assert totals.caps["max_pending"] and totals.caps["max_running"]
    assert totals.decisions["submit"] and sum(totals.decisions.values()) == 6 * 60


def test_demand_that_need_not_last_wastes_more_and_waits_less(simulate):
    load = Load(12.0, 120.0)
    eager, patient = simulate("demand", load=load), simulate("demand half persist(600)", load=load)
    assert eager.wait_s < patient.wait_s
    assert eager.pilots >= patient.pilots


def test_no_work_means_no_pilots(simulate):
    assert simulate(load=Load(0.0001, 60.0)).pilots <= 1


def test_a_slot_that_is_too_short_for_a_task_runs_none(simulate):
    assert simulate(more="walltime = 10m", load=Load(60.0, 900.0)).done == 0


def test_a_site_that_fails_everything_gets_canaries_alone(simulate):
    totals = simulate("demand", "fake_fail = 1", load=Load(600.0, 60.0))
    assert totals.done == 0
    assert totals.pilots == totals.failed
    assert totals.pilots < 4 + 6 * 6 + 4  # the first ones, and one each ten minutes
    assert totals.decisions["quarantine"] > 300


def test_a_bad_node_costs_three_pilots_each_six_hours(simulate):
    totals = simulate("demand", "fake_bad_nodes = 1", load=Load(200.0, 300.0), hours=12.0)
    assert totals.done > 1000
    assert totals.failed < totals.pilots


def test_an_outage_is_no_reason_to_submit_and_the_site_recovers(simulate):
    calm = simulate("demand", load=Load(60.0, 600.0), hours=8.0)
    totals = simulate("demand", "fake_outages = 2h+2h", load=Load(60.0, 600.0), hours=8.0)
    assert 120 <= totals.decisions["unknown"] <= 123  # it is asked again within three cycles
    assert totals.pilots <= calm.pilots + 8
    assert totals.done > 0.6 * calm.done
    assert simulate.points[-1].running > 0


def test_answers_that_lie_do_not_flood_the_site(simulate):
    calm = simulate("demand", load=Load(60.0, 600.0), hours=8.0)
    totals = simulate("demand", "fake_lies = 0.3", load=Load(60.0, 600.0), hours=8.0)
    assert totals.most_running <= 8
    assert totals.pilots < 2 * calm.pilots
    assert totals.done > 0.8 * calm.done


def test_lost_and_held_jobs_are_replaced_within_the_caps(simulate):
    more = "fake_lost = 0.2\nfake_held = 0.2\nwalltime = 2h"
    totals = simulate("demand", more, load=Load(60.0, 600.0), hours=12.0)
    assert totals.lost > 2
    assert totals.done > 300
    assert max(point.running + point.pending for point in simulate.points) <= 8


def test_the_tasks_are_the_same_for_each_policy(simulate):
    first, second = simulate("demand"), simulate("fixed(1)")
    assert first.done + first.left + first.most_running * 8 >= second.done + second.left
    assert [point.at_s for point in simulate.points] == [60.0 * n for n in range(1, 361)]


def test_sites_are_spread_and_share_the_pilots():
    farm = parse_farm(FARM % ("demand", ""), "/f/farm.ini", ("fake",))
    spread = spread_sites(farm, 3, 30)
    assert [site.name for site in spread.sites] == ["main-0", "main-1", "main-2"]
    assert [(site.max_running, site.max_pending) for site in spread.sites] == [(10, 1)] * 3
    assert spread_sites(farm, 0, 0) == farm


def test_the_picture_is_the_same_for_the_same_points():
    points = [Point(60.0 * n, n % 7, n % 3, n % 5) for n in range(1000)]
    picture = draw_simulations([("demand <half>", points), ("none", [])])
    assert picture == draw_simulations([("demand <half>", points), ("none", [])])
    root = ElementTree.fromstring(picture)
    assert len(root.findall(".//{http://www.w3.org/2000/svg}polyline")) == 6
    assert len(picture) < 100000


def test_policies_are_compared_in_a_table(capsys):
    file = str(ROOT / "examples" / "factory-local.ini")
    words = ["simulate", file, "--hours", "3", "--policy", "demand", "--policy", "fixed(1)"]
    assert main(words) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == [
        "policy", "demand", "fixed(1)", "demand:", "fixed(1):",
    ]
    assert "decisions: " in lines[3] and "caps reached: " in lines[3]
    assert main(words + ["--json"]) == 0
    assert [row["policy"] for row in json.loads(capsys.readouterr().out)] == ["demand", "fixed(1)"]


@pytest.mark.parametrize("words", [["--hours", "x"], ["--policy", "odd"], ["--task-s", "soon"]])
def test_mistakes_are_told(words, capsys):
    assert main(["simulate", str(ROOT / "examples" / "factory-local.ini")] + words) == 2
    assert "simulate: " in capsys.readouterr().err


def test_a_picture_is_written(tmp_path, capsys):
    file = str(ROOT / "examples" / "factory-local.ini")
    assert main(["simulate", file, "--hours", "1", "--svg", str(tmp_path / "day.svg")]) == 0
    assert "running pilots" in (tmp_path / "day.svg").read_text()
    assert main(["simulate", file, "--hours", "1", "--svg", str(tmp_path / "no" / "day.svg")]) == 2
    assert "cannot be written" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["6h", "6h+x", "+"])
def test_an_outage_that_is_none_is_told(text):
    with pytest.raises(UsageError, match="fake_outages"):
        parse_farm(FARM % ("demand", "fake_outages = " + text), "/f/farm.ini", ("fake",))


def test_the_simulations_of_the_documentation_are_these(tmp_path):
    """Numbers and pictures, byte for byte, with every Python."""
    text = (ROOT / "docs" / "factory.md").read_text()
    commands = re.findall(r"^    python3 -m pilot.factory (simulate .*)$", text, re.M)
    assert len(commands) == 4
    for command in commands:
        words = shlex.split(command.replace("docs/screenshots/", "%s/" % tmp_path))
        out = subprocess.check_output(
            [sys.executable, "-m", "pilot.factory"] + words, cwd=str(ROOT)
        ).decode()
        shown = [line for line in out.splitlines() if not line.startswith("(the file's):")]
        assert [line for line in shown if "    " + line not in text.splitlines()] == []
    for name in ("factory-short.svg", "factory-long.svg"):
        kept = (ROOT / "docs" / "screenshots" / name).read_bytes()
        assert (tmp_path / name).read_bytes() == kept

"""What --plan says before anything runs."""

import os
import re
import sys

import pytest

from commands.check_worker_node import CheckWorkerNode
from commands.configure import Configure
from pilot.engine.plan_text import describe_plan, format_duration
from pilot.engine.request import parse


def test_plan_shows_every_setting_and_pairs_as_they_are_written(pilot):
    told = pilot("--plan", "-X", "CheckWorkerNode,Configure", "--set", "A=1", "--set", "B=2,3").out
    options = [
        option.name for command in (CheckWorkerNode, Configure) for option in command.options
    ]
    assert [
        name
        for name in options
        if not re.search(r"^ +(--)?%s\b" % name.replace("_", "[_-]"), told, re.M)
    ] == []
    assert "A=1,B=2,3" in told


def test_plan_shows_order_limits_facts_and_sources_and_runs_nothing(pilot):
    ended = pilot("--plan", "-X", "CheckWorkerNode,Configure", "--min-disk-mb", "2G")
    assert ended.code == 0
    assert "1. CheckWorkerNode" in ended.out
    assert "2. Configure" in ended.out
    assert "reads WorkerNode; provides Configuration" in ended.out
    assert re.search(r"(?m)^  min_disk_mb +2048 ", ended.out)
    assert "command line" in ended.out
    assert not ended.workdir.exists()


def test_plan_tells_what_would_be_refused(pilot):
    ended = pilot("--plan")
    assert ended.code == 0
    assert "this would be refused" in ended.out
    assert "LaunchAgent has no work" in ended.out
    assert pilot("--plan", "-X", "Nonsense").code == 2


def test_secrets_are_masked_in_the_plan(pilot):
    ended = pilot("--plan", "-X", "CheckWorkerNode,RegisterPilot", "--register-token", "hunter22")
    assert "hunter22" not in ended.out
    assert "********" in ended.out


@pytest.fixture
def plan(tmp_path, monkeypatch):
    """What --plan says to these words, in a folder of its own."""
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))  # where extensions are looked for

    def say(*words, **environ):
        return describe_plan(parse(("--plan",) + words, environ, str(tmp_path)))

    return say


@pytest.mark.parametrize(
    "seconds, text",
    [
        (90, "90 s"),
        (120, "2 min"),
        (5400, "90 min"),
        (7200, "2 h"),
        (86400, "24 h"),
        (172800, "2 d"),
        (0.5, "0.5 s"),
        (7201, "7201 s"),
    ],
)
def test_a_time_has_the_largest_unit_that_leaves_it_whole(seconds, text):
    assert format_duration(seconds) == text


def test_a_limit_that_was_given_is_shown(plan):
    said = plan("-X", "CheckWorkerNode", "--time-limits", "CheckWorkerNode=7")
    assert re.search(r"1\. CheckWorkerNode +at most 7 s ", said)


def test_what_was_set_comes_before_what_was_not(plan):
    said = plan("-X", "CheckWorkerNode", "--site", "Zurich").split("Settings:")[1]
    assert said.index("command line") < said.index("default")


def test_a_setting_of_the_environment_is_told_as_such(plan):
    said = plan("-X", "CheckWorkerNode", PILOT_SITE="Zurich")
    assert re.search(r"site +Zurich +environment", said)


def test_settings_that_no_command_of_the_plan_reads_are_left_out(plan):
    assert "install_setup" not in plan("-X", "CheckWorkerNode")


def test_the_workdir_is_told_whole(plan):
    assert "Workdir: %s\n" % os.path.abspath("w") in plan("-X", "CheckWorkerNode", "--workdir", "w")


def test_what_is_odd_is_told(plan):
    said = plan("-X", "CheckWorkerNode", PILOT_MIN_DISKMB="1")
    assert "Odd:\n  the variable PILOT_MIN_DISKMB is not a setting" in said


def test_a_plan_without_oddities_tells_none(plan):
    assert "Odd:" not in plan("-X", "CheckWorkerNode")

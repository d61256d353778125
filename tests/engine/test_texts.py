import re

import pytest

from commands.check_worker_node import CheckWorkerNode
from commands.configure import Configure
from pilot import VERSION
from pilot.errors import EXIT_CODES


def test_plan_shows_every_setting_and_pairs_as_they_are_written(pilot):
    told = pilot("--plan", "-X", "CheckWorkerNode,Configure", "--set", "A=1", "--set", "B=2,3").out
    options = [
        option.name for command in (CheckWorkerNode, Configure) for option in command.options
    ]
    assert [
        name
        for name in options
        if not re.search(r"^ +(--)?%s\b" % name.replace("_", "[_-]"), told, re.M)
    ] == [] and "A=1,B=2,3" in told


def test_list_names_every_command_with_its_line_and_file(pilot):
    ended = pilot("--list")
    assert (
        ended.code == 0
        and "CheckWorkerNode   Look at the machine" in ended.out
        and "commands/launch_agent.py" in ended.out
    )
    assert "Without -X: CheckWorkerNode,Install,Configure,CPUNormalization,LaunchAgent" in ended.out


def test_plan_shows_order_limits_facts_and_sources_and_runs_nothing(pilot):
    ended = pilot("--plan", "-X", "CheckWorkerNode,Configure", "--min-disk-mb", "2G")
    assert (
        ended.code == 0
        and "1. CheckWorkerNode" in ended.out
        and "2. Configure" in ended.out
        and "reads WorkerNode; provides Configuration" in ended.out
    )
    assert re.search(r"(?m)^  min_disk_mb +2048 ", ended.out) and "command line" in ended.out
    assert not ended.workdir.exists()


def test_plan_tells_what_would_be_refused(pilot):
    ended = pilot("--plan")
    assert (
        ended.code == 0
        and "this would be refused" in ended.out
        and "LaunchAgent has no work" in ended.out
    )
    assert pilot("--plan", "-X", "Nonsense").code == 2


def test_secrets_are_masked_in_the_plan(pilot):
    ended = pilot("--plan", "-X", "CheckWorkerNode,RegisterPilot", "--register-token", "hunter22")
    assert "hunter22" not in ended.out and "********" in ended.out


def test_help_tells_options_and_exit_codes(pilot):
    ended = pilot("--help")
    assert ended.code == 0 and "--min-disk-mb" in ended.out and "-X, --commands" in ended.out
    assert all("%4d  %s" % (row.code, row.meaning) in ended.out for row in EXIT_CODES)


@pytest.mark.parametrize("words", [("--version",), ("--version", "-X", "Nonsense")])
def test_version(pilot, words):
    assert pilot(*words).out.startswith("pilot %s, Python 3." % VERSION)


def test_an_extensions_commands_are_listed_with_their_place(pilot):
    ended = pilot("--list", "-E", "example")
    assert "extensions/pilot_example/say_hello.py" in ended.out

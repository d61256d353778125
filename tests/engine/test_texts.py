"""What --help, --list and --version say."""

import pytest

from pilot import VERSION
from pilot.errors import EXIT_CODES


def test_list_names_every_command_with_its_line_and_file(pilot):
    ended = pilot("--list")
    assert ended.code == 0
    assert "CheckWorkerNode   Look at the machine" in ended.out
    assert "commands/launch_agent.py" in ended.out
    assert "Without -X: CheckWorkerNode,Install,Configure,CPUNormalization,LaunchAgent" in ended.out


def test_help_tells_options_and_exit_codes(pilot):
    ended = pilot("--help")
    assert ended.code == 0
    assert "--min-disk-mb" in ended.out
    assert "-X, --commands" in ended.out
    assert all("%4d  %s" % (row.code, row.meaning) in ended.out for row in EXIT_CODES)


@pytest.mark.parametrize("words", [("--version",), ("--version", "-X", "Nonsense")])
def test_version(pilot, words):
    assert pilot(*words).out.startswith("pilot %s, Python 3." % VERSION)


def test_an_extensions_commands_are_listed_with_their_place(pilot):
    ended = pilot("--list", "-E", "example")
    assert "extensions/pilot_example/say_hello.py" in ended.out

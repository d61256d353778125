"""What the author of a command may rely on."""

import pytest

from pilot.command import Command, Option
from pilot.errors import ConfigurationFailed
from pilot.node.deadline import RESERVE_S
from pilot.testing import run_command


class Greet(Command):
    """Say hello."""

    name = "Greet"
    options = (Option("greeting", "what to say", str, "hello"),)


def test_it_logs_under_its_own_name():
    assert Greet().log.name == "pilot.Greet"


def test_a_command_that_does_nothing_yet_is_told_by_its_class():
    with pytest.raises(NotImplementedError, match=r"^Greet\.run$"):
        Greet().run(None)


def test_a_command_that_checks_nothing_refuses_no_setting():
    assert tuple(Greet.check({})) == ()


def test_a_run_leaves_the_pilot_time_to_end():
    assert Greet.ending_s({}) == RESERVE_S


def test_its_options_are_settings_of_the_run(tmp_path):
    class Tell(Greet):
        """Tell the setting."""

        def run(self, ctx):
            (tmp_path / "told").write_text(ctx.settings["greeting"])
            return ()
    run_command(Tell, tmp_path, {"greeting": "good day"})
    assert (tmp_path / "told").read_text() == "good day"


def test_a_tool_that_fails_is_the_configurations_fault_unless_a_command_says_otherwise():
    assert Greet.failure is ConfigurationFailed


def test_a_subclass_has_the_options_of_what_it_overrides():
    class Other(Greet):
        """Say it otherwise."""
    assert [option.name for option in Other.options] == ["greeting"]

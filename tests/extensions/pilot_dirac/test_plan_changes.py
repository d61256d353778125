"""Modules change pp.commands while the pilot runs, as with DIRAC's pilot."""

import pytest

from tests.conftest import extension

find_added = extension("pilot_dirac.plan_changes").find_added
CHANGES = """
from pilotTools import CommandBase


class Changes(CommandBase):
    def execute(self):
        %s


class Later(CommandBase):
    def execute(self):
        with open("later", "a") as stream:
            stream.write("x")


class Fails(CommandBase):
    def execute(self):
        self.exitWithError(3)
"""


@pytest.mark.parametrize(
    "commands, name, added",
    [
        (["A", "B"], "A", []),
        (["A", "X", "B"], "A", ["X"]),
        (["A", "B", "X", "Y"], "B", ["X", "Y"]),
        (["A", "B", "X"], "A", []),
        (["B"], "A", []),
    ],
)
def test_what_is_added_follows_the_command_before_it(commands, name, added):
    assert find_added(["A", "B"], commands, name) == added


def test_a_command_that_a_module_appends_is_run_at_the_end(modules_flight):
    text = CHANGES % 'self.pp.commands.append("Later")'
    ended = modules_flight("-X", "Changes,GetPilotVersion", Vo=text)
    assert ended.code == 0, ended.out
    assert (ended.workdir / "later").read_text() == "x"


def test_several_added_commands_are_run_once_each(modules_flight):
    text = CHANGES % 'self.pp.commands += ["Later", "Last"]'
    text += "\n\nclass Last(Later):\n    pass\n"
    ended = modules_flight("-X", "Changes,GetPilotVersion", Vo=text)
    assert ended.code == 0, ended.out
    assert (ended.workdir / "later").read_text() == "xx"


def test_the_end_of_an_added_command_is_the_pilots(modules_flight):
    text = CHANGES % 'self.pp.commands.insert(1, "Fails")'
    ended = modules_flight("-X", "Changes,GetPilotVersion", Vo=text)
    assert ended.code == 30
    assert "Fails, which a module has added, failed: Fails ended the pilot with code 3" in ended.out


def test_a_name_that_no_command_has_is_told(modules_flight):
    ended = modules_flight("-X", "Changes", Vo=CHANGES % 'self.pp.commands.append("NoSuch")')
    assert ended.code == 30
    assert "a module has added 'NoSuch' to pp.commands: no command has this name" in ended.out


def test_a_command_that_a_module_removes_is_skipped(modules_flight):
    text = CHANGES % 'self.pp.commands.remove("Later")'
    ended = modules_flight("-X", "Changes,Later", Vo=text)
    assert ended.code == 0
    assert not (ended.workdir / "later").exists()
    assert ended.status("Later") == "skipped"


# without -X: DIRAC's own plan, with a command of the same name
REPLACES = """
from pilotCommands import CheckWorkerNode as Original
from pilotTools import CommandBase


class CheckWorkerNode(Original):
    def execute(self):
        super().execute()
        self.pp.commands[1:] = ["Later"]


class Later(CommandBase):
    def execute(self):
        open("later", "w").close()
"""


def test_a_plan_that_nobody_named_is_known_to_modules(modules_flight):
    ended = modules_flight(Vo=REPLACES)
    assert ended.code == 0, ended.out
    assert (ended.workdir / "later").exists()
    assert ended.status("InstallDIRAC") == "skipped"

"""What every command of every package promises; a new command passes unchanged."""

import ast
import inspect
import re
import sys
import textwrap

import pytest

from pilot.engine import settings
from pilot.engine.cli import ENGINE_OPTIONS
from pilot.command import Command, Option
from pilot.errors import EXIT_CODES, PilotError
from pilot.engine.packages import load, source_file
from pilot.engine.registry import all_options, commands_by_name, package_options
from pilot.engine import search
from pilot.engine.search import Root
from tests.conftest import ROOT

TOGETHER = (["example", "picas"], ["lhcb", "gridpp", "dirac"])  # what may be loaded at once
search.opened([Root(str(ROOT / "extensions"))])
LOADED = [load(names) for names in TOGETHER]
COMMANDS = list(
    dict.fromkeys(
        command for packages in LOADED for package in packages for command in package.commands
    )
)


@pytest.fixture(
    params=COMMANDS, ids=lambda command: "%s.%s" % (command.__module__, command.__name__)
)
def command(request):
    return request.param


def test_three_spellings_of_one_name(command):
    assert command.name == command.__name__
    stem = source_file(command).rpartition("/")[2][: -len(".py")]
    assert stem.replace("_", "") == command.name.lower()
    assert stem == stem.lower()


def test_one_command_one_file(command):
    module = sys.modules[command.__module__]
    own = [
        thing
        for thing in vars(module).values()
        if isinstance(thing, type)
        and issubclass(thing, Command)
        and thing.__module__ == module.__name__
    ]
    assert own == [command]


def test_its_docstring_begins_with_a_sentence(command):
    first = (command.__doc__ or "").strip().split("\n")[0]
    assert first.endswith(".")
    assert len(first) <= 110


def test_options_are_whole(command):
    for option in command.options:
        assert isinstance(option, Option)
        assert re.match(r"[a-z][a-z0-9_]*$", option.name)
        assert option.help
        assert not option.help.endswith(".")
        assert callable(option.type)
        settings.resolve([option], [])


def test_facts_are_named_tuples(command):
    assert isinstance(command.requires, tuple)
    assert isinstance(command.provides, tuple)
    assert all(
        issubclass(kind, tuple) and hasattr(kind, "_fields") and kind.__doc__
        for kind in command.requires + command.provides
    )


def test_it_has_a_limit_and_a_failure_of_the_published_table(command):
    assert command.timeout_s
    assert command.timeout_s > 0
    assert issubclass(command.failure, PilotError)
    assert command.failure.exit_code in {row.code for row in EXIT_CODES}


def test_what_it_uses_can_be_imported(command):
    import importlib
    assert all(importlib.import_module(module) for module in command.uses)


def test_what_it_imports_when_it_runs_is_loaded_before(command):
    """The file that the pilot came from may vanish while it runs."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(command)))
    late = {
        "%s.%s" % (node.module, alias.name)
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module and node.level == 0
        for alias in node.names
        if node.module.split(".")[0] in ("pilot", "commands")
    }
    used = set(command.uses) | {module.rpartition(".")[0] for module in command.uses}
    missing = [
        name
        for name in late
        if name not in used and name.rpartition(".")[0] not in used
    ]
    # loaded only where repositories are asked for: each pilot would pay for it
    assert set(missing) <= {"pilot.node.cvmfs"}


def test_it_has_a_test_file(command):
    folder = (
        ROOT / "tests" / ("commands" if command.__module__.startswith("commands") else "extensions")
    )
    assert any(command.name in path.read_text() for path in folder.rglob("test_*.py"))


@pytest.fixture(params=LOADED, ids=lambda packages: "+".join(package.name for package in packages))
def packages(request):
    return request.param


def test_options_of_all_commands_go_together(packages):
    assert (
        all_options(
            commands_by_name(packages).values(), ENGINE_OPTIONS + package_options(packages)
        )[1]
        == []
    )


def test_letters_are_not_used_twice(packages):
    options = all_options(
        commands_by_name(packages).values(), ENGINE_OPTIONS + package_options(packages)
    )[0]
    flags = [
        flag for option in options for flag in option.flags + (settings.option_flag(option.name),)
    ]
    assert len(flags) == len(set(flags))


def test_a_usual_plan_is_of_commands_that_are_there(packages):
    assert all(set(package.usual) <= set(commands_by_name(packages)) for package in packages)
    toolbox = packages[-1]
    assert set(toolbox.usual) <= {command.name for command in toolbox.commands}


def test_every_error_class_has_a_published_code():
    def below(kind):
        return {kind} | {deeper for child in kind.__subclasses__() for deeper in below(child)}
    assert {kind.exit_code for kind in below(PilotError)} <= {row.code for row in EXIT_CODES}

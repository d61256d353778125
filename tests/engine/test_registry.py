import sys

import pytest

from pilot.engine import registry, search
from pilot.engine.search import Root
from pilot.command import Command, Option
from pilot.errors import UsageError
from pilot.facts import Installation, WorkerNode


@pytest.fixture
def extension(tmp_path, monkeypatch):
    """Writes a package pilot_NAME and forgets it afterwards."""
    before_path, before_modules = list(sys.path), set(sys.modules)

    def write(name, text):
        folder = tmp_path / ("pilot_" + name)
        folder.mkdir()
        (folder / "__init__.py").write_text(text)
        return folder

    yield write
    sys.path[:] = before_path
    for module in set(sys.modules) - before_modules:
        if module.startswith("pilot_"):
            del sys.modules[module]


def load(tmp_path, *names):
    search.opened([Root(str(tmp_path))])
    return registry.load(names)


COMMAND = """
from pilot.command import Command
class Greet(Command):
    "Say hello."
    name = "Greet"
COMMANDS = (Greet,)
"""


def test_an_extension_is_found_and_comes_before_the_toolbox(tmp_path, extension):
    extension("one", COMMAND)
    packages = load(tmp_path, "one")
    assert [package.name for package in packages] == ["pilot_one", "commands"]
    assert "Greet" in registry.commands_by_name(packages)
    assert registry.usual_plan(packages)[-1] == "LaunchAgent"


@pytest.mark.parametrize("text, words", [
    ("def broken(:\n", ("SyntaxError", "__init__.py, line 1")),
    ("import no_such_module\n", ("no_such_module", "line 1")),
    ("\n\nraise RuntimeError('boom')\n", ("RuntimeError: boom", "line 3")),
    ("COMMANDS = [1]\n", ("COMMANDS = (Class, ...)",)),
    ("", ("COMMANDS",)),
    (COMMAND.replace('name = "Greet"', ""), ("Greet has no name",))])
def test_an_extension_that_is_broken_says_where_and_why(tmp_path, extension, text, words):
    folder = extension("broken", text)
    with pytest.raises(UsageError) as caught:
        load(tmp_path, "broken")
    assert all(word in str(caught.value) for word in words + (str(folder),))


def test_several_broken_extensions_are_told_at_once(tmp_path, extension):
    extension("bad1", "raise ValueError(1)")
    with pytest.raises(UsageError) as caught:
        load(tmp_path, "bad1", "nowhere")
    assert (
        len(caught.value.problems) == 2 and "no package pilot_nowhere" in caught.value.problems[1]
    )


def test_a_name_clash_without_inheritance_names_both_files(tmp_path, extension):
    folder = extension("clash", COMMAND.replace("Greet", "Install"))
    with pytest.raises(UsageError) as caught:
        load(tmp_path, "clash")
    assert str(folder) in str(caught.value) and "commands/install.py" in str(caught.value)


def test_an_override_that_subclasses_wins(tmp_path, extension):
    extension(
        "over",
        "from commands.install import Install as Base\nclass Install(Base):\n    'Mine.'\nCOMMANDS = (Install,)\n",
    )
    assert registry.commands_by_name(load(tmp_path, "over"))["Install"].__module__ == "pilot_over"


def test_a_foreign_commands_package_is_refused_without_being_run(tmp_path, monkeypatch):
    (tmp_path / "commands").mkdir()
    (tmp_path / "commands" / "__init__.py").write_text("open(%r, 'w')\n" % str(tmp_path / "ran"))
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in [name for name in sys.modules if name.split(".")[0] == "commands"]:
        monkeypatch.delitem(sys.modules, name)
    for way in (registry.toolbox, lambda: registry.load([])):
        with pytest.raises(UsageError, match="is hidden by"):
            way()
    assert not (tmp_path / "ran").exists()


class Gives(Command):
    name, provides = "Gives", (WorkerNode,)


class Needs(Command):
    name, requires, provides = "Needs", (WorkerNode,), (Installation,)


class Wants(Command):
    name, requires = "Wants", (Installation, dict)


TABLE = {command.name: command for command in (Gives, Needs, Wants)}


def test_a_plan_in_order_has_no_problems():
    assert registry.plan(["Gives", "Needs"], TABLE) == ([Gives, Needs], [])


def test_missing_facts_unknown_names_and_mends_are_told_together():
    problems = registry.plan(["Needs", "Wants", "Gvies"], TABLE)[1]
    assert any("unknown command 'Gvies' (did you mean Gives?)" in problem for problem in problems)
    assert "Needs needs WorkerNode: put Gives before it" in problems
    assert "Wants needs dict: no loaded command provides it" in problems
    assert len(problems) == 3


def test_an_empty_plan_is_refused():
    assert registry.plan([], TABLE)[1] == ["no command to run: -X is empty"]


def test_two_commands_may_share_an_option_only_if_they_mean_the_same():
    class One(Command):
        name, options = "One", (Option("size", "", int, 1),)

    class Two(Command):
        name, options = "Two", (Option("size", "said otherwise", int, 1),)

    class Three(Command):
        name, options = "Three", (Option("size", "", str, "1"),)

    assert registry.all_options([One, Two], [])[1] == []
    assert (
        "One" in registry.all_options([One, Three], [])[1][0]
        and "Three" in registry.all_options([One, Three], [])[1][0]
    )


@pytest.mark.parametrize("name", ["foo.bar", "../x", "a/b"])
def test_a_name_that_is_none_is_told_and_no_bug(pilot, name):
    ended = pilot("-E", name, "-X", "CheckWorkerNode")
    assert ended.code == 2 and "-E %s" % name in ended.err

"""Packages of commands, found, loaded, or told why not."""

import sys

import pytest

from pilot.engine import packages as loading, registry, search
from pilot.engine.search import Root
from pilot.errors import UsageError


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
    return loading.load(names)


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
    assert len(caught.value.problems) == 2
    assert "no package pilot_nowhere" in caught.value.problems[1]


def test_a_name_clash_without_inheritance_names_both_files(tmp_path, extension):
    folder = extension("clash", COMMAND.replace("Greet", "Install"))
    with pytest.raises(UsageError) as caught:
        load(tmp_path, "clash")
    assert str(folder) in str(caught.value)
    assert "commands/install.py" in str(caught.value)


def test_an_override_that_subclasses_wins(tmp_path, extension):
    extension(
        "over",
        "from commands.install import Install as Base\n"
        "class Install(Base):\n    'Mine.'\nCOMMANDS = (Install,)\n",
    )
    assert registry.commands_by_name(load(tmp_path, "over"))["Install"].__module__ == "pilot_over"


def test_a_foreign_commands_package_is_refused_without_being_run(tmp_path, monkeypatch):
    (tmp_path / "commands").mkdir()
    (tmp_path / "commands" / "__init__.py").write_text("open(%r, 'w')\n" % str(tmp_path / "ran"))
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in [name for name in sys.modules if name.split(".")[0] == "commands"]:
        monkeypatch.delitem(sys.modules, name)
    for way in (loading.toolbox, lambda: loading.load([])):
        with pytest.raises(UsageError, match="is hidden by"):
            way()
    assert not (tmp_path / "ran").exists()


def test_an_option_that_is_no_word_is_refused_where_it_is_declared(tmp_path, extension):
    folder = extension(
        "dash",
        COMMAND.replace("import Command", "import Command, Option").replace(
            'name = "Greet"', 'name = "Greet"\n    options = (Option("data-url", "where"),)'
        ),
    )
    with pytest.raises(UsageError, match="option_name, which is --option-name, not 'data-url'"):
        load(tmp_path, "dash")
    assert folder.exists()

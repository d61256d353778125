"""What -E names and is no package of ours, and the words for what cannot be imported."""

import importlib
import types

import pytest

from pilot.command import Command
from pilot.engine.adoption import adopt_module, tell_cause
from pilot.engine.packages import Package, UnknownPackage
from pilot.errors import UsageError

MISSING = UnknownPackage("there is none")


class Greet(Command):
    """Say hello."""

    name = "Greet"


def package(adopt=None):
    return Package("pilot_x", "x.py", (), adopt=adopt)


def foreign(name):
    """A module of another program, with a command of it."""
    module = types.ModuleType(name)
    module.COMMANDS, module.__file__ = (Greet,), "/opt/%s.py" % name
    return module


def test_the_package_that_knows_the_name_makes_one_of_it():
    found = adopt_module("theirs", [package(), package(foreign)], MISSING)
    assert (found.name, found.commands) == ("theirs", (Greet,))


def test_the_first_that_knows_it_wins():
    found = adopt_module("a", [package(foreign), package(lambda name: foreign("other"))], MISSING)
    assert found.name == "a"


@pytest.mark.parametrize("packages", [[], [package()], [package(lambda name: None)]])
def test_a_name_that_nobody_knows_is_missing(packages):
    with pytest.raises(UnknownPackage, match="there is none"):
        adopt_module("a", packages, MISSING)


def test_an_error_in_their_module_is_told_with_its_place():
    def broken(name):
        raise ValueError("no such setup")
    with pytest.raises(UsageError, match=r"^-E a: .*test_adoption.py, line \d+: ValueError: no"):
        adopt_module("a", [package(broken)], MISSING)


def test_a_sentence_of_theirs_is_told_as_it_is():
    def refuse(name):
        raise UsageError("one sentence")
    with pytest.raises(UsageError, match="^one sentence$"):
        adopt_module("a", [package(refuse)], MISSING)


def test_a_module_without_commands_is_refused():
    def empty(name):
        module = foreign(name)
        del module.COMMANDS
        return module
    with pytest.raises(UsageError, match="^-E a: /opt/a.py has no COMMANDS"):
        adopt_module("a", [package(empty)], MISSING)


@pytest.fixture
def failure(tmp_path, monkeypatch):
    """The error that importing a module of this text raises."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def fail(name, text):
        (tmp_path / (name + ".py")).write_text(text)
        importlib.invalidate_caches()
        with pytest.raises(Exception) as caught:
            importlib.import_module(name)
        return caught.value

    return fail


def test_an_import_that_fails_is_told_with_file_line_and_reason(failure, tmp_path):
    error = failure("adoption_one", "x = 1\nraise ValueError('odd')\n")
    path = tmp_path / "adoption_one.py"
    assert tell_cause(error, "adoption_one") == "%s, line 2: ValueError: odd" % path


def test_a_mistake_in_the_grammar_is_told_by_its_line(failure, tmp_path):
    error = failure("adoption_two", "x = 1\nx = = 2\n")
    told = tell_cause(error, "adoption_two")
    assert told.startswith("%s, line 2: SyntaxError: " % (tmp_path / "adoption_two.py"))


def test_the_place_is_in_the_module_and_not_in_what_it_called(failure, tmp_path):
    error = failure("adoption_three", "import json\njson.loads('{')\n")
    told = tell_cause(error, "adoption_three")
    assert told.startswith("%s, line 2: JSONDecodeError: " % (tmp_path / "adoption_three.py"))


def test_without_a_module_the_innermost_place_is_told(failure):
    error = failure("adoption_four", "import json\njson.loads('{')\n")
    assert "decoder.py, line " in tell_cause(error)

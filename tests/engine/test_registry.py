"""The table of commands, and the plan made of it."""

import pytest

from pilot.engine import registry
from pilot.command import Command, Option
from pilot.facts import Installation, WorkerNode


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
    assert "One" in registry.all_options([One, Three], [])[1][0]
    assert "Three" in registry.all_options([One, Three], [])[1][0]


@pytest.mark.parametrize("name", ["foo.bar", "../x", "a/b"])
def test_a_name_that_is_none_is_told_and_no_bug(pilot, name):
    ended = pilot("-E", name, "-X", "CheckWorkerNode")
    assert ended.code == 2
    assert "-E %s" % name in ended.err


def test_a_subclass_may_change_the_default_of_an_option_it_inherits():
    class First(Command):
        name, options = "First", (Option("pace", "how fast", int, 1),)

    class Second(First):
        name, options = "Second", (Option("pace", "how fast", int, 2),)

    options, problems = registry.all_options([Second, First], [])
    assert problems == []
    assert [option.default for option in options] == [2]


def test_a_subclass_may_not_change_what_an_option_is():
    class First(Command):
        name, options = "First", (Option("pace", "how fast", int, 1),)

    class Second(First):
        name, options = "Second", (Option("pace", "how fast", str, 1),)

    assert "option pace means one thing in Second" in registry.all_options([Second, First], [])[1][0]

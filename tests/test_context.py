"""What a command may see of its pilot."""

import os
import time

import pytest

from pilot.command import Command
from pilot.context import SAFE_PATH, child_environ
from pilot.errors import UsageError
from pilot.facts import BatchJob, Reading
from pilot.testing import run_command


class Plain(Command):
    """Does nothing."""

    name = "Plain"

    def run(self, ctx):
        return ()


@pytest.fixture
def context(tmp_path):
    """A context in this folder with these settings and environment."""

    def make(environ=None, **settings):
        return run_command(Plain, tmp_path, settings, environ=environ or {}).context

    return make


@pytest.mark.parametrize("environ", [{}, {"PATH": "", "HOME": ""}])
def test_children_always_have_a_path_and_a_home(environ):
    assert child_environ(environ, "/work") == {"PATH": SAFE_PATH, "HOME": "/work"}


def test_a_path_and_a_home_that_are_there_stay():
    environ = {"PATH": "/opt/bin", "HOME": "/home/u"}
    assert child_environ(environ, "/work") == environ


def test_a_file_that_is_named_from_here_is_found_from_elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(str(tmp_path))
    found = child_environ({"X509_USER_PROXY": "proxy"}, "/work")
    assert found["X509_USER_PROXY"] == str(tmp_path / "proxy")


@pytest.mark.parametrize("name", ["X509_USER_PROXY", "BEARER_TOKEN_FILE"])
def test_a_file_that_is_not_named_stays_unnamed(name):
    assert not child_environ({name: ""}, "/work")[name]


def test_other_variables_are_left_as_they_are():
    assert child_environ({"SOFTWARE": "relative/path"}, "/work")["SOFTWARE"] == "relative/path"


def test_the_environment_is_a_copy(context):
    environ = {"A": "1"}
    context(environ).environ["A"] = "2"
    assert environ == {"A": "1"}


def test_the_newest_fact_of_a_kind_is_found(context):
    one = context()
    one.add(Reading("a", 1))
    one.add(Reading("b", 2))
    assert one.get(Reading) == Reading("b", 2)


def test_a_fact_that_nobody_provided_is_told_by_its_kind(context):
    with pytest.raises(UsageError, match="^no Reading is known: no command before this one "):
        context().get(Reading)


def test_a_fact_may_be_asked_for_without_being_needed(context):
    assert context().find(Reading) is None


def test_facts_keep_the_order_in_which_their_kinds_were_found(context):
    one = context()
    one.add(Reading("a", 1))
    one.add(BatchJob("local"))
    one.add(Reading("b", 2))
    assert one.facts() == [Reading("b", 2), BatchJob("local")]


def test_what_commands_share_is_made_once(context):
    one, made = context(), []

    def make():
        made.append([])
        return made[-1]
    assert one.shared(list, make) is one.shared(list, make)
    assert len(made) == 1


def test_what_commands_share_is_no_fact(context):
    one = context()
    one.shared(list, list)
    assert one.facts() == []


def test_without_a_known_end_no_time_is_told(context):
    assert context().time_left_s() is None


def test_the_walltime_bounds_the_time_that_is_left(context):
    assert 0 < context(max_walltime="1000").time_left_s() < 1000


def test_work_that_takes_long_to_end_has_less_time(context):
    one = context(max_walltime="100000")
    assert one.time_left_s(5000.0) < one.time_left_s(10.0)


def test_the_batch_systems_end_counts_from_when_it_was_asked(context):
    one = context()
    job = BatchJob("Slurm", time_left_s=500.0, source="squeue", asked_s=time.monotonic() - 100)
    one.know_batch(job)
    assert one.deadline.end().left_s <= 400
    assert one.slot_is_over() == "the slot's end by Slurm (squeue)"


def test_a_batch_system_that_tells_no_end_changes_nothing(context):
    one = context()
    one.know_batch(BatchJob("Slurm"))
    assert one.deadline.end() is None


def test_an_end_that_nobody_told_is_told_plainly(context):
    assert context().slot_is_over() == "the slot is over"


def test_the_earliest_end_is_the_one_that_is_told(context):
    one = context(max_walltime="50")
    one.know_batch(BatchJob("Slurm", time_left_s=5000.0, source="squeue"))
    assert one.slot_is_over() == "the slot's end by --max-walltime"


def test_features_that_come_later_move_the_end(context, tmp_path):
    one = context({"MACHINEFEATURES": str(tmp_path)})
    (tmp_path / "shutdowntime").write_text("%d" % (time.time() + 1000))
    one.deadline.update_ends()
    assert one.slot_is_over() == "the slot's end by MACHINEFEATURES/shutdowntime"


def test_a_path_is_one_of_the_workdir(context, tmp_path):
    assert context().path("a", "b") == os.path.join(str(tmp_path), "a", "b")

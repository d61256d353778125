"""A command's own test: settings and facts in, outcome, facts and events out."""

import os
import signal

import pytest

from pilot.command import Command, Option
from pilot.errors import NodeUnfit, Skip, UsageError
from pilot.facts import BatchJob, Reading, WorkerNode
from pilot.testing import run_command, worker_node


class Count(Command):
    """Count the cores of the node."""

    name = "Count"
    requires = (WorkerNode,)
    provides = (Reading,)
    options = (
        Option("factor", "times", int, 1),
        Option("key", "a secret", secret=True),
    )

    def run(self, ctx):
        self.log.info("counting with %s", ctx.settings["key"])
        return (Reading("count", ctx.get(WorkerNode).cores * ctx.settings["factor"]),)


def trial_of(run, tmp_path, **how):
    return run_command(type("Tried", (Command,), {"name": "Tried", "run": run}), tmp_path, **how)


def test_facts_go_in_and_come_out(tmp_path):
    trial = run_command(Count, tmp_path, facts=[worker_node(cores=8)])
    assert trial.fact(Reading) == Reading("count", 8)


@pytest.mark.parametrize("factor", [3, "3"])
def test_a_setting_is_a_value_or_its_text(tmp_path, factor):
    trial = run_command(Count, tmp_path, {"factor": factor}, [worker_node(cores=2)])
    assert trial.fact(Reading).value == 6


def test_a_setting_that_the_command_has_not_is_told(tmp_path):
    with pytest.raises(UsageError, match="^Count has no option 'fctor'$"):
        run_command(Count, tmp_path, {"fctor": 1})


def test_a_setting_of_the_wrong_kind_is_told(tmp_path):
    with pytest.raises(UsageError, match="factor"):
        run_command(Count, tmp_path, {"factor": "many"})


def test_the_outcome_of_a_command_that_is_well(tmp_path):
    outcome = run_command(Count, tmp_path, facts=[worker_node()]).outcome
    assert (outcome.command, outcome.status, outcome.exit_code) == ("Count", "ok", 0)


@pytest.mark.parametrize(
    "error, status, code",
    [(NodeUnfit("no disk"), "failed", 10), (Skip("no disk"), "skipped", 0)],
)
def test_an_error_is_an_outcome_and_is_not_raised(tmp_path, error, status, code):
    def run(self, ctx):
        raise error
    outcome = trial_of(run, tmp_path).outcome
    assert (outcome.status, outcome.exit_code, outcome.reason) == (status, code, "no disk")


def test_a_fact_that_is_missing_is_told(tmp_path):
    assert run_command(Count, tmp_path).outcome.reason.startswith("no WorkerNode is known")


def test_asking_for_a_fact_that_was_not_found_is_an_error(tmp_path):
    trial = run_command(Count, tmp_path)
    with pytest.raises(UsageError, match="no Reading is known"):
        trial.fact(Reading)


def test_the_events_are_those_of_a_pilot(tmp_path):
    trial = run_command(Count, tmp_path, facts=[worker_node()])
    assert [event["event"] for event in trial.events] == [
        "command started",
        "fact found",
        "command finished",
    ]


def test_a_secret_setting_is_masked_as_in_a_pilot(tmp_path):
    def run(self, ctx):
        raise NodeUnfit("the token is hunter22")
    trial = run_command(
        type("Tell", (Count,), {"run": run}), tmp_path, {"key": "hunter22"}, [worker_node()]
    )
    assert trial.outcome.reason == "the token is ********"


def test_children_see_the_environment_that_was_given(tmp_path):
    trial = trial_of(lambda self, ctx: (), tmp_path, environ={"A": "1", "PATH": "/bin"})
    assert trial.context.environ == {"A": "1", "PATH": "/bin", "HOME": str(tmp_path)}


def test_without_one_children_see_the_callers_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("SEEN_BY_CHILDREN", "yes")
    trial = trial_of(lambda self, ctx: (), tmp_path)
    assert trial.context.environ["SEEN_BY_CHILDREN"] == "yes"


def test_the_callers_environment_stays_as_it_is(tmp_path):
    def run(self, ctx):
        ctx.environ["LEFT_BY_A_COMMAND"] = "1"
        return ()
    trial_of(run, tmp_path)
    assert "LEFT_BY_A_COMMAND" not in os.environ


def test_a_limit_ends_a_command_that_hangs(tmp_path):
    def run(self, ctx):
        while True:
            signal.pause()
    assert trial_of(run, tmp_path, limit_s=0.05).outcome.status == "timed out"


def test_the_plain_node_is_one_to_work_on():
    node = worker_node()
    assert (node.cores, node.batch) == (2, BatchJob("local", "1"))


def test_of_the_plain_node_any_field_may_differ():
    assert worker_node(memory_mb=1).memory_mb == 1


def test_a_field_that_no_node_has_is_an_error():
    with pytest.raises((TypeError, ValueError)):
        worker_node(color="red")

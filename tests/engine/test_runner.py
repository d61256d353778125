"""Each way out of a command becomes one outcome."""

import os
import signal
import time

import pytest

from pilot.engine import runner
from pilot.base import process
from pilot.command import Command, Option
from pilot.errors import AgentFailed, InstallFailed, NodeUnfit, Skip, Stopped
from pilot.facts import Probes
from pilot.testing import run_command
from tests.conftest import steady


def command(run, **more):
    return type("Try", (Command,), dict({"name": "Try", "run": run, "__doc__": "A try."}, **more))


def raising(error):
    def run(self, ctx):
        raise error
    return run


@pytest.mark.parametrize("run, status, code, words", [
    (lambda self, ctx: (), "ok", 0, ""),
    (lambda self, ctx: None, "ok", 0, ""),
    (raising(Skip("nothing to do")), "skipped", 0, "nothing to do"),
    (raising(NodeUnfit("1200 MB free")), "failed", 10, "1200 MB free"),
    (raising(InstallFailed("x")), "failed", 20, "x"),
    (raising(ValueError("oops")), "crashed", 1, "ValueError: oops"),
    (raising(SystemExit(7)), "crashed", 1, "SystemExit: 7"),
    (raising(Stopped(15)), "interrupted", 143, "SIGTERM"),
])
def test_every_way_out_becomes_one_outcome(tmp_path, run, status, code, words):
    outcome = run_command(command(run), tmp_path).outcome
    assert (outcome.status, outcome.exit_code) == (status, code)
    assert words in outcome.reason


def test_a_tool_that_fails_gets_the_commands_own_code_never_the_tools(tmp_path):
    def run(self, ctx):
        process.run(["bash", "-c", "echo why >&2; exit 77"], timeout_s=10)
    outcome = run_command(command(run, failure=AgentFailed), tmp_path).outcome
    assert (outcome.status, outcome.exit_code) == ("failed", 40)
    assert "why" in outcome.reason


def test_a_command_over_its_limit_is_timed_out_with_its_own_code(tmp_path):
    began = steady()
    trial = run_command(
        command(
            lambda self, ctx: process.run(["sleep", "60"], timeout_s=90, grace_s=0.2),
            failure=NodeUnfit,
        ),
        tmp_path,
        limit_s=0.3,
    )
    assert (trial.outcome.status, trial.outcome.exit_code) == ("timed out", 10)
    assert steady() - began < 10


def test_a_busy_loop_is_ended_too(tmp_path):
    def run(self, ctx):
        while True:
            pass
    assert run_command(command(run), tmp_path, limit_s=0.2).outcome.status == "timed out"


def test_a_broad_except_in_an_extension_does_not_swallow_the_limit(tmp_path):
    def run(self, ctx):
        while True:
            try:
                time.sleep(5)
            except Exception:
                pass
    assert run_command(command(run), tmp_path, limit_s=0.2).outcome.status == "timed out"


def test_promised_facts_must_come(tmp_path):
    outcome = run_command(command(lambda self, ctx: (), provides=(Probes,)), tmp_path).outcome
    assert outcome.status == "crashed"
    assert "Probes" in outcome.reason


def test_facts_are_kept_and_told(tmp_path):
    trial = run_command(command(lambda self, ctx: (Probes(()),), provides=(Probes,)), tmp_path)
    assert trial.fact(Probes) == Probes(())
    assert [event["event"] for event in trial.events] == [
        "command started",
        "fact found",
        "command finished",
    ]


def test_secrets_do_not_leave_through_a_reason_or_an_event(tmp_path):
    def run(self, ctx):
        raise NodeUnfit("the token is " + ctx.settings["token"])
    trial = run_command(
        command(run, options=(Option("token", "", secret=True),)), tmp_path, {"token": "hunter22"}
    )
    assert "hunter22" not in str(trial.outcome)
    assert "hunter22" not in str(trial.events)


def test_the_environment_of_the_process_is_never_touched(tmp_path):
    def run(self, ctx):
        ctx.environ["LEAK"] = "1"
    run_command(command(run), tmp_path)
    assert "LEAK" not in os.environ


def test_errors_outside_commands_become_codes_and_sentences():
    told = []

    def fail(error):
        def step():
            raise error
        return runner.guarded(step, lambda code, problems: told.append((code, problems)))

    assert fail(NodeUnfit("no disk")) == 10
    assert fail(RuntimeError("bug")) == 1
    assert fail(Stopped(signal.SIGTERM)) == 143
    assert told[0] == (10, ["no disk"])
    assert "Traceback" in told[1][1][0]

"""Calls of a batch system's commands."""

import os

import pytest

from pilot.ops.factory.backends import commands
from pilot.ops.factory.backends.commands import (
    ask_command, bare_environment, existing, refuse_failed, run_submit,
)
from pilot.ops.factory.jobs import MayHaveHappened, NoAnswer, SubmissionRefused, TooMany


def test_variables_that_change_formats_are_taken_away():
    given = {"SQUEUE_FORMAT": "x", "SACCT_FORMAT": "x", "LC_ALL": "de_DE", "LANG": "de", "SLURM_CONF": "/c"}
    assert bare_environment(given) == {"SLURM_CONF": "/c", "LC_ALL": "C", "TZ": "UTC"}


@pytest.mark.parametrize("script", ["echo half; exit 1", "kill -9 $$"])
def test_a_command_that_fails_is_no_answer(programs, script):
    programs.make("squeue", script)
    with pytest.raises(NoAnswer, match="squeue"):
        ask_command(["squeue"], dict(os.environ))


def test_a_command_that_hangs_is_no_answer(programs, monkeypatch):
    programs.make("squeue", "exec sleep 600")
    monkeypatch.setattr(commands, "ASK_S", 0.3)
    with pytest.raises(NoAnswer, match="squeue"):
        ask_command(["squeue"], dict(os.environ))


def test_an_answer_that_has_no_end_is_no_answer(programs, monkeypatch):
    programs.make("squeue", "yes | head -n 100000")
    monkeypatch.setattr(commands, "MOST_BYTES", 1000)
    with pytest.raises(NoAnswer):
        ask_command(["squeue"], dict(os.environ))


def test_a_command_that_is_not_there_is_no_answer(tmp_path):
    with pytest.raises(NoAnswer, match="no-such-squeue"):
        ask_command(["no-such-squeue"], {"PATH": str(tmp_path)})


def submit(programs, tmp_path, script):
    programs.make("sbatch", script)
    return run_submit(["sbatch"], dict(os.environ), str(tmp_path))


def test_a_submit_command_that_was_killed_may_have_submitted(programs, tmp_path):
    with pytest.raises(MayHaveHappened):
        submit(programs, tmp_path, "kill -9 $$")


def test_a_submit_command_that_hangs_may_have_submitted(programs, tmp_path, monkeypatch):
    monkeypatch.setattr(commands, "SUBMIT_S", 0.3)
    with pytest.raises(MayHaveHappened):
        submit(programs, tmp_path, "exec sleep 600")


@pytest.mark.parametrize(
    "script, error",
    [
        ("echo no such queue >&2; exit 1", SubmissionRefused),
        ("echo you have too many jobs >&2; exit 1", TooMany),
        ("echo timed out >&2; exit 1", MayHaveHappened),
        ("exit 1", MayHaveHappened),
    ],
)
def test_the_words_of_a_failure_decide(programs, tmp_path, script, error):
    done = submit(programs, tmp_path, script)
    with pytest.raises(error) as caught:
        refuse_failed(done, ("too many jobs",), ("timed out",))
    assert type(caught.value) is error


def test_a_submission_that_worked_is_not_refused(programs, tmp_path):
    done = submit(programs, tmp_path, "echo 17")
    refuse_failed(done, ("17",), ("17",))
    assert done.stdout == "17\n"


def test_files_that_exist_are_named(tmp_path):
    (tmp_path / "b").write_text("")
    assert existing(str(tmp_path), ("a", "b")) == [str(tmp_path / "b")]

"""A command line that makes no sense is told where every other end is."""

import json
import os
import stat

import pytest

from pilot.engine.refusal import refuse
from pilot.errors import NodeUnfit, UsageError


@pytest.fixture
def refused(tmp_path, monkeypatch, capsys):
    """Refuses a command line; the code, what stderr said and the report, if there is one."""
    monkeypatch.chdir(str(tmp_path))

    def ask(error, *words, **environ):
        code = refuse(words, error, environ)
        report = tmp_path / "pilot-report.json"
        told = json.loads(report.read_text()) if report.exists() else None
        return code, capsys.readouterr().err.splitlines(), told

    return ask


@pytest.mark.parametrize("error, code", [(UsageError("a"), 2), (NodeUnfit("a"), 10)])
def test_the_exit_code_is_the_errors(refused, error, code):
    assert refused(error)[0] == code


def test_each_problem_has_its_line(refused):
    _, lines, _ = refused(UsageError("one", "two"))
    assert lines == ["pilot: error: one", "pilot: error: two"]


def test_the_report_has_code_and_problems(refused):
    _, _, report = refused(UsageError("one", "two"))
    assert (report["exit_code"], report["problems"]) == (2, ["one", "two"])


def test_the_report_has_the_id_that_was_given(refused):
    assert refused(UsageError("x"), "--pilot-id", "p7")[2]["pilot"] == "p7"


def test_without_an_id_the_report_has_a_new_one(refused):
    assert refused(UsageError("x"))[2]["pilot"]


def test_the_command_line_wins_over_the_environment(refused, tmp_path):
    refused(UsageError("x"), "--report", "a.json", PILOT_REPORT="b.json")
    assert sorted(os.listdir(str(tmp_path))) == ["a.json", "pilot.log"]


def test_the_log_has_each_problem_and_is_ours_alone(refused, tmp_path):
    refused(UsageError("one", "two"))
    log = tmp_path / "pilot.log"
    assert [line.split("pilot: ")[1] for line in log.read_text().splitlines()] == ["one", "two"]
    assert stat.S_IMODE(log.stat().st_mode) == 0o600


def test_a_workdir_is_made_for_it(refused, tmp_path, monkeypatch):
    monkeypatch.setenv("SCRATCH", str(tmp_path))
    refused(UsageError("x"), "--workdir", "$SCRATCH/w")
    assert (tmp_path / "w" / "pilot-report.json").exists()


def test_words_that_mean_nothing_are_passed_over(refused):
    assert refused(UsageError("x"), "--nonsense", "--pilot-id", "p7")[2]["pilot"] == "p7"


def test_a_workdir_that_cannot_be_used_costs_no_sentence(refused):
    code, lines, _ = refused(UsageError("x"), "--workdir", "/proc/none")
    assert (code, lines[0]) == (2, "pilot: error: x")


def test_the_hosts_place_gets_its_last_message(refused, tmp_path):
    (tmp_path / "jo").mkdir()
    refused(UsageError("x"), JOBOUTPUTS=str(tmp_path / "jo"))
    assert sorted(os.listdir(str(tmp_path / "jo"))) == ["heartbeat", "shutdown_message"]
    assert (tmp_path / "jo" / "shutdown_message").read_text().startswith("600 ")


def test_a_place_that_cannot_be_written_is_told_too(refused):
    _, lines, _ = refused(UsageError("x"), JOBOUTPUTS="/no/such/folder")
    assert any("shutdown_message could not be written" in line for line in lines)

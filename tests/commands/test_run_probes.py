"""The command that runs Nagios plug-ins."""

import pytest

from commands.run_probes import RunProbes
from pilot.facts import Probes
from pilot.testing import run_command


def probe(folder, name, text):
    (folder / name).write_text("#!/bin/sh\n" + text)


def test_probes_are_run_with_their_perfdata(tmp_path):
    probe(
        tmp_path,
        "load",
        "echo \"LOAD OK - 0.5 | 'load 1'=0.5;5;10;0; users=3\"\n"
        "echo more\necho 'even more | time=12ms'\n",
    )
    trial = run_command(RunProbes, tmp_path, {"probes": "load"})
    found = trial.fact(Probes).results[0]
    assert trial.outcome.status == "ok"
    assert found[:3] == ("load", "OK", "LOAD OK - 0.5")
    assert found.perfdata == {"load 1": "0.5", "users": "3", "time": "12ms"}


@pytest.mark.parametrize(
    "text, state, status",
    [
        ("echo w; exit 1", "WARNING", "ok"),
        ("echo u; exit 3", "UNKNOWN", "ok"),
        ("echo x; exit 99", "UNKNOWN", "ok"),
        ("kill -9 $$", "UNKNOWN", "ok"),
        ("exit 0", "OK", "ok"),
    ],
)
def test_only_a_critical_probe_is_a_refusal(tmp_path, text, state, status):
    probe(tmp_path, "p", text)
    trial = run_command(RunProbes, tmp_path, {"probes": "p"})
    assert trial.outcome.status == status
    assert trial.fact(Probes).results[0].state == state


def test_a_critical_probe_makes_the_node_unfit(tmp_path):
    probe(tmp_path, "p", "echo disk full; exit 2")
    outcome = run_command(RunProbes, tmp_path, {"probes": "p"}).outcome
    assert (outcome.exit_code, outcome.reason) == (10, "critical probe: p: disk full")
    assert (
        run_command(RunProbes, tmp_path, {"probes": "p", "probes_only_warn": True}).outcome.status
        == "ok"
    )


def test_a_probe_that_hangs_is_unknown_and_over_in_time(tmp_path):
    probe(tmp_path, "p", "sleep 60")
    trial = run_command(RunProbes, tmp_path, {"probes": "p", "probe_timeout_s": "0.3"})
    assert trial.fact(Probes).results[0].state == "UNKNOWN"
    assert "no answer" in trial.fact(Probes).results[0].text


def test_a_probe_may_have_arguments_and_be_missing(tmp_path):
    probe(tmp_path, "p", "echo $1")
    results = (
        run_command(
            RunProbes, tmp_path, {"probes": "p 'a b',no-such-probe", "probes_only_warn": True}
        )
        .fact(Probes)
        .results
    )
    assert results[0].text == "a b"
    assert results[1].state == "CRITICAL"
    assert "cannot be started" in results[1].text
    outcome = run_command(RunProbes, tmp_path, {"probes": "no-such-probe"}).outcome
    assert outcome.exit_code == 10
    assert "no-such-probe: the probe cannot be started" in outcome.reason


def test_without_probes_the_command_is_skipped(tmp_path):
    assert run_command(RunProbes, tmp_path).outcome.status == "skipped"

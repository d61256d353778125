import json
import os
import sys

import pytest

from commands.cpu_normalization import CPUNormalization
from pilot.facts import CPUPower
from pilot.node import db12, score_cache
from pilot.testing import run_command, worker_node as node


@pytest.fixture(autouse=True)
def short(monkeypatch):
    """The real program with a hundredth of the calls: the scale stays the same."""
    monkeypatch.setattr(db12, "CALLS", db12.CALLS // 100)
    monkeypatch.setattr(db12, "HS06_SECONDS", db12.HS06_SECONDS / 100)


def run(tmp_path, **settings):
    return run_command(
        CPUNormalization,
        tmp_path,
        dict({"cpu_cache": str(tmp_path / "cache"), "cpu_bounds": "0.1,10000"}, **settings),
        [node()],
    )


def test_every_core_runs_a_copy_and_the_slowest_counts(tmp_path):
    trial = run(tmp_path)
    found = trial.fact(CPUPower)
    assert trial.outcome.status == "ok"
    assert found.copies == 2
    assert len(found.scores) == 2
    assert found.power == min(found.scores)
    assert not found.approximate
    assert not found.cached


def test_the_score_of_a_node_is_kept(tmp_path):
    first, second = run(tmp_path).fact(CPUPower), run(tmp_path).fact(CPUPower)
    assert second.cached and second.power == first.power
    assert not run(tmp_path, cpu_copies=1).fact(CPUPower).cached  # another question


@pytest.mark.parametrize(
    "spoil",
    [
        lambda path: path.write_text("{"),
        lambda path: path.write_text(json.dumps({"owner": {}, "scores": [99], "measured": 1})),
        lambda path: path.chmod(0o666),
    ],
)
def test_a_cache_that_others_could_have_written_or_that_is_odd_is_not_believed(tmp_path, spoil):
    run(tmp_path)
    spoil(tmp_path / "cache")
    assert not run(tmp_path).fact(CPUPower).cached


def test_a_link_in_the_caches_place_is_not_followed(tmp_path):
    (tmp_path / "target").write_text("untouched")
    os.symlink(str(tmp_path / "target"), str(tmp_path / "cache"))
    assert run(tmp_path).outcome.status == "ok"
    assert (tmp_path / "target").read_text() == "untouched"


def test_fast_says_that_it_is_approximate(tmp_path):
    assert run(tmp_path, fast=True).fact(CPUPower).approximate


def test_a_given_power_is_taken(tmp_path):
    assert run(tmp_path, cpu_power="12.5").fact(CPUPower).power == 12.5


def test_the_score_may_be_corrected(tmp_path):
    plain = run(tmp_path).fact(CPUPower).power
    assert run(tmp_path, cpu_correction="2").fact(CPUPower).power == pytest.approx(
        plain / 2, abs=0.1
    )


HERE = "%d.%d" % sys.version_info[:2]


@pytest.mark.parametrize(
    "python, model, factor",
    [
        ("3.9", "Intel(R) Xeon(R) CPU E5-2630", 0.86),
        ("3.9", "AMD EPYC 7763", 0.71),
        ("3.11", "AMD EPYC 7763", None),
        ("3.9", "Neoverse-N1", None),
    ],
)
def test_the_factors_are_the_official_programs(python, model, factor):
    assert db12.factor(python, model) == factor


def test_which_score_is_written_is_a_setting_and_told_with_it(tmp_path, monkeypatch, caplog):
    caplog.set_level("INFO")
    monkeypatch.setattr(db12, "FACTORS", {(HERE, node().cpu_model): 0.5})
    raw, corrected = run(tmp_path), run(tmp_path, cpu_score="corrected")
    assert (raw.fact(CPUPower).score, raw.fact(CPUPower).python) == ("raw", HERE)
    assert (
        corrected.fact(CPUPower).score == "corrected"
        and corrected.fact(CPUPower).scores == raw.fact(CPUPower).scores
    )
    assert corrected.fact(CPUPower).power == pytest.approx(raw.fact(CPUPower).power / 2, abs=0.1)
    assert (
        "DB12, raw, Python %s" % HERE in caplog.text
        and "DB12, corrected, Python %s" % HERE in caplog.text
    )
    assert run(tmp_path, cpu_power="3").fact(CPUPower).score == "set"


def test_where_the_official_program_corrects_nothing_the_score_stays_raw_and_that_is_told(
    tmp_path, monkeypatch, caplog
):
    monkeypatch.setattr(db12, "FACTORS", {})
    trial = run(tmp_path, cpu_score="corrected")
    assert (
        trial.fact(CPUPower).score == "raw"
        and "corrects nothing for Python %s" % HERE in caplog.text
    )


def test_an_implausible_score_is_a_refusal_that_names_it(tmp_path):
    outcome = run(tmp_path, cpu_bounds="9999,10000").outcome
    assert outcome.exit_code == 10 and "outside the bounds 9999 to 10000" in outcome.reason


@pytest.mark.parametrize(
    "settings, words",
    [
        ({"cpu_bounds": ("5", "1")}, "--cpu-bounds"),
        ({"cpu_bounds": ("x", "1")}, "--cpu-bounds"),
        ({"cpu_bounds": ("1",)}, "--cpu-bounds"),
    ],
)
def test_bad_bounds_are_told_before_anything_runs(settings, words):
    assert words in CPUNormalization.check(dict({"cpu_correction": 1.0}, **settings))[0]


def test_the_scale_is_the_benchmarks():
    assert db12.score([5.0, 4.0], 1.0, "3.9").scores == (2.5 / 5.0, 2.5 / 4.0)  # a hundredth of 250
    assert db12.score([0.0], 1.0, "3.9").power == 2.5 / 0.01


def test_no_cache_is_kept_when_it_is_off(tmp_path):
    run(tmp_path, cpu_cache="off")
    assert list(tmp_path.iterdir()) == []
    assert score_cache.Cache("off", {}, {}).read_score() is None

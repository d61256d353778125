"""Settings in layers, each value with its source."""

import json
import os

import pytest

from pilot import values
from pilot.command import Option
from pilot.engine.settings import (
    COMMAND_LINE,
    ENVIRONMENT,
    Layer,
    as_text,
    environment_layer,
    resolve,
)

DISK = Option("min_disk_mb", "", values.megabytes, 100)
NAMES = Option("names", "", values.words, ())
MANY = Option("set", "", values.assignment, (), repeat=True)
TOKEN = Option("token", "", secret=True)


def test_a_variable_may_hold_several_values_as_pilot_json_does(pilot):
    environ = dict(
        os.environ, PILOT_INSTALL='["env:/nope1", "env:/nope,2"]', PILOT_SET='["A=1", "B=2,3"]'
    )
    ended = pilot("-X", "CheckWorkerNode,Configure,Install", env=environ)
    assert ended.code == 20
    assert "there is no /nope1" in ended.err
    assert "there is no /nope,2" in ended.err
    found = json.loads((ended.workdir / "pilot-agent.json").read_text())
    assert (found["A"], found["B"]) == ("1", "2,3")
    assert (
        "PILOT_INSTALL: "
        in pilot("-X", "Install", env=dict(os.environ, PILOT_INSTALL='["env:')).err
    )


def test_later_layers_win_and_every_value_knows_its_source():
    layers = [
        Layer("pilot.json: Defaults", {"min_disk_mb": 1}),
        Layer(ENVIRONMENT, {"min_disk_mb": "2"}),
        Layer(COMMAND_LINE, {"min_disk_mb": "3"}),
    ]
    for count, source in (
        (0, "default"),
        (1, "pilot.json: Defaults"),
        (2, ENVIRONMENT),
        (3, COMMAND_LINE),
    ):
        settings, problems = resolve([DISK], layers[:count])
        assert settings.setting("min_disk_mb").source == source
        assert settings["min_disk_mb"] == (count or 100)
        assert problems == []


@pytest.mark.parametrize("raw", [["a", "b"], "a,b", "a, b"])
def test_lists_and_comma_strings_mean_the_same(raw):
    assert resolve([NAMES], [Layer("pilot.json", {"names": raw})])[0]["names"] == ("a", "b")


@pytest.mark.parametrize(
    "raw, text", [(True, "true"), (False, "false"), (3, "3"), ([1, "b"], "1,b"), ({"a": 1}, "a=1")]
)
def test_json_values_become_what_one_would_write(raw, text):
    assert as_text(raw) == text


def test_all_bad_values_are_told_at_once_in_the_spelling_of_their_place():
    layers = [
        Layer("pilot.json: CEs/ce1", {"min_disk_mb": "lots"}),
        Layer(ENVIRONMENT, {"min_disk_mb": "many"}),
        Layer(COMMAND_LINE, {"min_disk_mb": "huge"}),
    ]
    problems = resolve([DISK], layers)[1]
    assert [problem.split(":")[0] for problem in problems] == [
        "pilot.json",
        "PILOT_MIN_DISK_MB",
        "--min-disk-mb",
    ]
    assert "CEs/ce1" in problems[0]
    assert "'lots'" in problems[0]


def test_a_repeatable_option_collects():
    settings = resolve([MANY], [Layer(COMMAND_LINE, {"set": ["a=1", "b=2,3"]})])[0]
    assert settings["set"] == (("a", "1"), ("b", "2,3"))
    assert resolve([MANY], [Layer(ENVIRONMENT, {"set": "a=1"})])[0]["set"] == (("a", "1"),)


def test_secrets_are_masked_in_public_and_in_errors():
    settings = resolve([TOKEN], [Layer(COMMAND_LINE, {"token": "hunter22"})])[0]
    assert settings["token"] == "hunter22"
    assert settings.secrets() == ["hunter22"]
    assert "hunter22" not in str(settings.public())
    picky = TOKEN._replace(type=values.count)
    assert "hunter22" not in str(resolve([picky], [Layer(COMMAND_LINE, {"token": "hunter22"})])[1])


def test_the_environment_gives_values_by_prefix():
    assert environment_layer([DISK], {"PILOT_MIN_DISK_MB": "5", "PILOT_OTHER": "x"}).values == {
        "min_disk_mb": "5"
    }

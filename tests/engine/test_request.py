"""From argv, environment and pilot.json to a request, before anything runs."""

import json
import os
import sys

import pytest

from pilot.engine import cli
from pilot.engine.request import extensions_of, parse, read_sources
from pilot.errors import UsageError


def test_a_profile_may_say_where_we_are(pilot, tmp_path):
    (tmp_path / "pilot.json").write_text(
        json.dumps(
            {
                "Defaults": {"vo": "lhcb", "ce": "ce1"},
                "VOs": {"lhcb": {"min_cores": 1}},
                "CEs": {"ce1": {"queue": "q", "Queues": {"q": {"site": "S"}}}},
            }
        )
    )
    settings = pilot("-X", "CheckWorkerNode").report["settings"]
    assert settings["min_cores"]["source"] == "pilot.json: VOs/lhcb"
    assert settings["site"]["value"] == "S"


def test_a_misspelt_variable_is_a_warning(pilot):
    ended = pilot("-X", "CheckWorkerNode", env=dict(os.environ, PILOT_MIN_DISKMB="1"))
    assert ended.code == 0
    assert "PILOT_MIN_DISKMB is not a setting (did you mean PILOT_MIN_DISK_MB?)" in ended.err


@pytest.fixture
def asked(tmp_path, monkeypatch):
    """The request for these words, in a folder of its own."""
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))  # where extensions are looked for

    def ask(*words, **environ):
        return parse(words, environ, str(tmp_path))

    return ask


def problems_of(call):
    with pytest.raises(UsageError) as caught:
        call()
    return caught.value.problems


def test_the_commands_are_planned_in_the_order_that_was_asked_for(asked):
    plan = asked("-X", "RunProbes,CheckWorkerNode").plan
    assert [command.name for command in plan] == ["RunProbes", "CheckWorkerNode"]


def test_without_commands_the_usual_plan_is_taken(asked):
    names = [command.name for command in asked("--plan").plan]
    assert (names[0], names[-1]) == ("CheckWorkerNode", "LaunchAgent")


@pytest.mark.parametrize(
    "words, text", [(("--version",), True), (("--plan",), True), (("-X", "CheckWorkerNode"), False)]
)
def test_a_text_about_the_program_is_no_run(asked, words, text):
    assert asked(*words).text is text


def test_every_problem_is_told_before_anything_runs(asked):
    found = problems_of(lambda: asked("-X", "Nope", "--min-cores", "x", "--nonsense"))
    assert len(found) == 3


def test_a_text_is_shown_whatever_the_plan_is(asked):
    assert asked("--help", "-X", "Nope").text


@pytest.mark.parametrize(
    "limits, words",
    [
        ("CheckWorkerNode=0", "'0' is not a time above 0"),
        ("CheckWorkerNode=x", "'x' is not a time above 0"),
        ("CheckWorkerNode=1e9", "'1e9' is not a time above 0"),
        ("CheckWorkerNod=5", "unknown command 'CheckWorkerNod' (did you mean CheckWorkerNode?)"),
    ],
)
def test_a_limit_that_makes_no_sense_is_told(asked, limits, words):
    found = problems_of(lambda: asked("-X", "CheckWorkerNode", "--time-limits", limits))
    assert words in found[0]


def test_what_a_command_would_refuse_is_a_problem_for_a_run_and_a_doubt_for_a_plan(asked):
    doubt, = problems_of(lambda: asked("-X", "CheckWorkerNode,LaunchAgent"))
    assert asked("--plan", "-X", "CheckWorkerNode,LaunchAgent").doubts == (doubt,)


@pytest.mark.parametrize(
    "name, told",
    [("PILOT_MIN_DISKMB", 1), ("PILOT_MIN_DISK_MB", 0), ("PILOT_OF_THE_SHIP", 0), ("OTHER", 0)],
)
def test_only_a_variable_that_is_nearly_a_setting_is_a_warning(asked, name, told):
    assert len(asked("-X", "CheckWorkerNode", **{name: "1"}).warnings) == told


def test_pilot_json_of_the_folder_is_read(asked, tmp_path):
    (tmp_path / "pilot.json").write_text('{"Defaults": {"site": "S"}}')
    assert asked("-X", "CheckWorkerNode").settings["site"] == "S"


def test_a_pilot_json_that_anybody_may_write_is_refused(asked, tmp_path):
    (tmp_path / "pilot.json").write_text("{}")
    (tmp_path / "pilot.json").chmod(0o666)
    found = problems_of(lambda: asked("-X", "CheckWorkerNode"))
    assert found[0].startswith("pilot.json: it is not read unless -F names it: ")


def test_a_file_that_is_named_is_read_instead(asked, tmp_path):
    (tmp_path / "pilot.json").write_text('{"Defaults": {"site": "here"}}')
    (tmp_path / "other.json").write_text('{"Defaults": {"site": "there"}}')
    request = asked("-X", "CheckWorkerNode", "-F", str(tmp_path / "other.json"))
    assert request.settings["site"] == "there"


def test_the_environment_wins_over_pilot_json_and_the_command_line_over_both(asked, tmp_path):
    (tmp_path / "pilot.json").write_text('{"Defaults": {"site": "file", "ce": "file"}}')
    settings = asked(
        "-X", "CheckWorkerNode", "--site", "line", PILOT_SITE="variable", PILOT_CE="variable"
    ).settings
    assert (settings["site"], settings["ce"]) == ("line", "variable")


def test_an_extension_named_in_pilot_json_is_loaded(asked, tmp_path):
    (tmp_path / "pilot.json").write_text('{"Defaults": {"extensions": ["example"]}}')
    assert asked("-X", "CheckWorkerNode,SayHello").packages[0].name == "pilot_example"


def test_where_nothing_is_said_there_are_no_layers(tmp_path):
    first = cli.scan((), cli.ENGINE_OPTIONS, strict=False)
    assert read_sources(first, {}, str(tmp_path)) == ((), ())


@pytest.mark.parametrize(
    "raw, names",
    [
        ("a, b", ["a", "b"]),
        (["a", " b "], ["a", "b"]),
        ("", []),
        (None, []),
        (",", []),
        ([5], ["5"]),
    ],
)
def test_extensions_come_as_a_list_or_with_commas(raw, names):
    assert extensions_of(raw) == names

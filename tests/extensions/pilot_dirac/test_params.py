"""PilotParams: what DIRAC's commands know and share."""

import os

import pytest

from pilot.testing import run_command
from tests.conftest import extension

dirac = extension("pilot_dirac")
params = extension("pilot_dirac.params")
COMMANDS = {command.name: command for command in dirac.COMMANDS}


def test_the_parameters_are_a_copy_and_leave_ours_alone(tmp_path):
    seen = {}

    class Look(COMMANDS["GetPilotVersion"]):
        def execute(self):
            self.pp.installEnv["NEW"] = "1"
            assert self.pp.pilotJSON == {}
            self.pp.anything = 3
            seen.update(environ=dict(os.environ), context=dict(self.pp.context.environ))

    trial = run_command(Look, tmp_path, {}, environ={"PATH": "/bin", "PYTHONPATH": "/x"})
    assert trial.outcome.status == "ok"
    assert "NEW" not in seen["environ"]
    assert "NEW" not in seen["context"]
    assert seen["context"]["PYTHONPATH_SAVE"] == "/x"
    assert "PYTHONPATH" not in seen["context"]


def test_variables_in_places_are_filled_in(tmp_path, monkeypatch):
    monkeypatch.setenv("VO_LHCB_SW_DIR", "/sw")
    trial = run_command(
        COMMANDS["ConfigureBasics"],
        tmp_path,
        {"cvmfs_locations": "$VO_LHCB_SW_DIR/x, /cvmfs/b"},
    )
    assert params.params_of(trial.context).CVMFS_locations == ["/sw/x", "/cvmfs/b"]


@pytest.fixture
def params_with(tmp_path):
    """The parameters that these settings make."""

    class Everything(COMMANDS["GetPilotVersion"]):
        options = tuple(extension("pilot_dirac.options").TABLE.values())

    def make(environ=None, **settings):
        trial = run_command(Everything, tmp_path, settings, environ=environ or {"PATH": "/bin"})
        return params.params_of(trial.context)

    return make


@pytest.mark.parametrize(
    "settings, attribute, value",
    [
        ({"release_version": " v9r1 , v9r0"}, "releaseVersion", "v9r1"),
        ({"configuration_servers": "dips://a, dips://b"}, "configServer", "dips://a,dips://b"),
        ({"cpu_time": "3000"}, "jobCPUReq", 3000),
        ({"tag": ["a, b", "a"]}, "tags", ["a", "b"]),
        ({"required_tag": ["x"]}, "reqtags", ["x"]),
        ({"option": ["/A=1", "cvmfsOnly"]}, "genericOption", "cvmfsOnly"),
        ({"user_env_variables": "A:::1,B:::2"}, "userEnvVariables", "A:::1,B:::2"),
        ({"modules": "u:::P:::b"}, "modules", "u:::P:::b"),
        ({"vo": "dteam"}, "wnVO", "dteam"),
        ({}, "wnVO", ""),
        # types and defaults of upstream's PilotParams, of June 2026
        ({}, "jobCPUReq", 900),
        ({}, "maxNumberOfProcessors", 0),
        ({}, "loggerURL", None),
        ({}, "local", False),
        ({"extra_packages": "A,B"}, "extensions", ["A", "B"]),
        (
            {},
            "batchSystemInfo",
            {
                "Type": "Unknown",
                "JobID": "Unknown",
                "Parameters": dict.fromkeys(("BinaryPath", "Host", "InfoPath", "Queue"), "Unknown"),
            },
        ),
        ({}, "site", ""),
        ({}, "pilotProcessors", 1),
        ({"pilot_processors": "4"}, "pilotProcessors", 4),
        ({"log_level": "debug"}, "debugFlag", True),
        ({}, "debugFlag", False),
    ],
)
def test_modules_find_settings_by_diracs_names(params_with, settings, attribute, value):
    assert getattr(params_with(**settings), attribute) == value


def test_values_for_communities_commands_are_merged(params_with):
    assert params_with(command_options=["a=1,b=2", "a=3"]).commandOptions == {"a": "3", "b": "2"}


def test_words_are_the_options_that_assign_nothing(params_with):
    assert set(params_with(option=["/A=1", "cvmfsOnly"]).flag_words()) == {"cvmfsOnly"}


def test_what_the_pilot_is_told_is_not_told_to_programs(params_with):
    environ = {"PATH": "/bin", "PILOT_PILOT_SECRET": "tell-nobody", "OTHER": "1"}
    assert "PILOT_PILOT_SECRET" not in params_with(environ).installEnv


def test_a_python_path_is_left_where_it_is_asked_for(params_with):
    environ = {"PATH": "/bin", "PYTHONPATH": "/x"}
    assert params_with(environ, keep_python_path=True).installEnv["PYTHONPATH"] == "/x"


def test_the_users_variables_are_there_for_programs(params_with):
    assert params_with(user_env_variables="A:::1").installEnv["A"] == "1"


def test_the_slot_tells_the_processors(params_with, tmp_path):
    (tmp_path / "allocated_cpu").write_text("3")
    assert params_with({"PATH": "/bin", "JOBFEATURES": str(tmp_path)}).pilotProcessors == 3


def test_all_commands_share_one_set(params_with):
    found = params_with()
    assert params.params_of(found.context) is found


@pytest.mark.parametrize("texts, items", [(["a, b", " a ", ""], ["a", "b"]), ([], [])])
def test_a_list_has_each_item_once(texts, items):
    assert params.split_list(texts) == items


def test_options_of_pilot_json_are_found_by_paths(params_with):
    params = params_with(vo="dteam")
    assert isinstance(params.pilotStartTime, int)
    assert ("N", "Name=", "") in params.cmdOpts
    params.pilotJSON = {
        "Defaults": {"Pilot": {"Version": "1", "Project": "p"}}, "dteam": {"Pilot": {"Version": "2"}},
    }
    assert params.getPilotOptionsDict() == {"Version": "2", "Project": "p"}
    assert params.getOptionForPaths(["/x/y", "Defaults/Pilot"], params.pilotJSON)["Version"] == "1"

"""DIRAC's two layouts of pilot.json."""

import json
import os

import pytest

from pilot.engine.site_profile import Where
from pilot.errors import UsageError
from tests.conftest import extension

profile = extension("pilot_dirac.profile").profile
OLD = {
    "DefaultSetup": "Certification",
    "ConfigurationServers": ["dips://a", "dips://b"],
    "Setups": {
        "Defaults": {
            "Commands": {"Defaults": "CheckWorkerNode, LaunchAgent", "HTCondorCE": ["A", "B"]},
            "CommandExtensions": "LHCb",
        },
        "Certification": {"Version": "9.1", "CommandExtensions": ["GridPP", "LHCb"]},
    },
    "CEs": {
        "ce1": {
            "Site": "LCG.CERN.cern",
            "GridCEType": "HTCondorCE",
            "LocalCEType": "Pool",
            "q1": {"LocalCEType": "Singularity"},
        }
    },
}


NEW = {
    "ConfigurationServers": "dips://a, dips://b",
    "DefaultSetup": "prod",
    "Defaults": {
        "Pilot": {
            "RemoteLogging": "False",
            "Version": "9",
            "Commands": {"Defaults": ["A"], "ARC": "X, Y"},
        }
    },
    "prod": {"Pilot": {"Version": "9.1"}},
    "gridpp": {"Defaults": {"Pilot": {"Project": "GridPP"}}, "Pilot": {"RemoteLogging": True}},
    "CEs": {"ce1": {"Site": "S", "GridCEType": "ARC"}},
}


FLOWN_OLD = {
    "DefaultSetup": "T",
    "ConfigurationServers": ["dips://a/C/S"],
    "CEs": {
        "ce.test": {
            "Site": "LCG.T.org",
            "GridCEType": "TEST",
            "LocalCEType": "Pool",
            "q2": {"LocalCEType": "Pool/Singularity"},
        }
    },
    "Setups": {
        "Defaults": {
            "Commands": {"Defaults": "CheckWorkerNode, GetPilotVersion"},
            "Version": "v8,v7",
        },
        "T": {"Commands": {"TEST": ["GetPilotVersion"]}, "CommandExtensions": ["dirac"]},
    },
}


FLOWN_NEW = {
    "ConfigurationServers": "dips://a/C/S, dips://b/C/S",
    "CEs": FLOWN_OLD["CEs"],
    "DefaultSetup": "T",
    "Defaults": {
        "Pilot": {
            "RemoteLogging": True,
            "Commands": {"TEST": "GetPilotVersion", "Defaults": "CheckWorkerNode"},
            "CommandExtensions": ["dirac"],
            "Version": ["v9"],
            "CVMFS_locations": "$VO_LHCB_SW_DIR",
        }
    },
    "dteam": {"Pilot": {"Commands": {"OTHER": "NagiosProbes"}}},
    "t-vo": {"Pilot": {"Commands": "CheckWorkerNode"}},
}


def merged(found):
    values = {}
    for layer in found.layers:
        values.update(layer.values)
    return values


def test_the_toolboxs_own_layout_is_left_to_the_engine():
    assert (
        profile(
            {
                "Defaults": {"min_disk_mb": 1},
                "Setups": {"prod": {"min_disk_mb": 2}},
                "CEs": {"a": {"min_disk_mb": 3}},
            },
            Where(),
            "x",
        )
        is None
    )


def test_a_part_of_the_wrong_kind_is_named():
    with pytest.raises(UsageError, match="x: CEs/ce1 must be an object"):
        profile(dict(OLD, CEs={"ce1": 5}), Where(ce="ce1"), "x")


def test_the_vo_may_come_from_diracs_variable(pilot, tmp_path):
    (tmp_path / "pilot.json").write_text(json.dumps({"VOs": {"lhcb": {"min_disk_mb": 7}}}))
    ended = pilot(
        "-E", "dirac", "-X", "CheckWorkerNode", env=dict(os.environ, DIRAC_PILOT_VO="lhcb")
    )
    assert ended.report["settings"]["min_disk_mb"] == {"value": 7, "source": "pilot.json: VOs/lhcb"}
    ended = pilot(
        "-E", "dirac", "-X", "CheckWorkerNode", env=dict(os.environ, DIRAC_PILOT_VO="lhcbb")
    )
    assert "pilot.json has nothing for lhcbb under VOs (did you mean lhcb?)" in ended.out


@pytest.mark.parametrize(
    "where, commands",
    [
        (Where(), "CheckWorkerNode, LaunchAgent"),
        (Where(ce="ce1"), ["A", "B"]),
        (Where(ce_type="HTCondorCE"), ["A", "B"]),
    ],
)
def test_diracs_old_layout_chooses_commands_by_grid_type(where, commands):
    assert merged(profile(OLD, where, "x"))["commands"] == commands


def test_diracs_old_layout_is_read_with_lists_and_strings_alike():
    found = merged(profile(OLD, Where(ce="ce1", queue="q1"), "x"))
    assert found["extensions"] == ["GridPP", "LHCb"]
    assert found["release_version"] == "9.1"
    assert found["site"] == "LCG.CERN.cern"
    assert found["local_ce_type"] == "Singularity"
    assert found["configuration_servers"] == ["dips://a", "dips://b"]


def test_diracs_new_layout_merges_its_five_places_in_order():
    found = merged(profile(NEW, Where(vo="gridpp", ce="ce1"), "x"))
    assert found["release_version"] == "9.1"
    assert found["release_project"] == "GridPP"
    assert found["remote_logging"] is True  # a JSON boolean, which upstream cannot read
    assert found["commands"] == "X, Y"
    # a dumped Operations section holds much else
    assert profile(NEW, Where(), "x").unknown_keys([]) == []


def test_reading_changes_nothing():
    before = json.dumps(NEW)
    profile(NEW, Where(vo="gridpp", ce="ce1"), "x")
    assert json.dumps(NEW) == before


@pytest.mark.parametrize(
    "profile, words, plan, settings",
    [
        (
            FLOWN_OLD,
            [],
            ["GetPilotVersion"],
            {
                "release_version": "v8,v7",
                "site": "LCG.T.org",
                "local_ce_type": "Pool",
                "ce_type": "TEST",
            },
        ),
        (FLOWN_OLD, ["-Q", "q2"], ["GetPilotVersion"], {"local_ce_type": "Pool/Singularity"}),
        (FLOWN_OLD, ["-a", "OTHER", "-S", "U"], ["CheckWorkerNode", "GetPilotVersion"], {}),
        (
            FLOWN_NEW,
            [],
            ["GetPilotVersion"],
            {
                "remote_logging": True,
                "release_version": "v9",
                "configuration_servers": ["dips://a/C/S", "dips://b/C/S"],
                "cvmfs_locations": ["$VO_LHCB_SW_DIR"],
            },
        ),
        (FLOWN_NEW, ["--wnVO", "dteam"], ["GetPilotVersion"], {"vo": "dteam"}),
        (FLOWN_NEW, ["--wnVO", "t-vo"], ["CheckWorkerNode"], {}),
    ],
)
def test_both_layouts_of_pilot_json(pilot, tmp_path, profile, words, plan, settings):
    (tmp_path / "pilot.json").write_text(json.dumps(profile))
    ended = pilot("-E", "dirac", "-N", "ce.test", *words)
    assert ended.code == 0, ended.out
    assert [row["command"] for row in ended.report["commands"]] == plan
    assert {name: ended.report["settings"][name]["value"] for name in settings} == settings


def test_an_empty_value_of_pilot_json_is_none(pilot, tmp_path):
    (tmp_path / "pilot.json").write_text(
        json.dumps(
            {
                "ConfigurationServers": [],
                "Defaults": {
                    "Pilot": {
                        "RemoteLoggerBufsize": "",
                        "Commands": "GetPilotVersion",
                        "PilotLogLevel": "DEBUG",
                    }
                },
            }
        )
    )
    assert pilot("-E", "dirac").code == 0

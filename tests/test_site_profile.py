import json
import os

import pytest

from pilot.errors import UsageError
from pilot.site_profile import Where, load, read

OWN = {
    "DefaultSetup": "prod",
    "Defaults": {"min_disk_mb": 1, "extensions": ["lhcb"], "_comment": "ignored"},
    "Setups": {"prod": {"min_disk_mb": 2}, "test": {"min_disk_mb": 20}},
    "VOs": {"lhcb": {"min_disk_mb": 3}},
    "CEs": {"ce1": {"min_disk_mb": 4, "Queues": {"long": {"min_disk_mb": 5}}}},
}
OLD_DIRAC = {
    "DefaultSetup": "Certification", "ConfigurationServers": ["dips://a", "dips://b"],
    "Setups": {
        "Defaults": {"Commands": {"Defaults": "CheckWorkerNode, LaunchAgent", "HTCondorCE": ["A", "B"]}, "CommandExtensions": "LHCb"},
        "Certification": {"Version": "9.1", "CommandExtensions": ["GridPP", "LHCb"]}},
    "CEs": {"ce1": {"Site": "LCG.CERN.cern", "GridCEType": "HTCondorCE", "LocalCEType": "Pool", "q1": {"LocalCEType": "Singularity"}}},
}
NEW_DIRAC = {
    "ConfigurationServers": "dips://a, dips://b", "DefaultSetup": "prod",
    "Defaults": {"Pilot": {"RemoteLogging": "False", "Version": "9", "Commands": {"Defaults": ["A"], "ARC": "X, Y"}}},
    "prod": {"Pilot": {"Version": "9.1"}},
    "gridpp": {"Defaults": {"Pilot": {"Project": "GridPP"}}, "Pilot": {"RemoteLogging": True}},
    "CEs": {"ce1": {"Site": "S", "GridCEType": "ARC"}},
}


def merged(profile):
    found = {}
    for layer in profile.layers:
        found.update(layer.values)
    return found


@pytest.mark.parametrize("where, told", [
    (Where(setup="prodd"), "x has nothing for prodd under Setups (did you mean prod?)"), (Where(vo="lhcbb"), "x has nothing for lhcbb under VOs (did you mean lhcb?)"),
    (Where(ce="ce2"), "x has nothing for ce2 under CEs (did you mean ce1?)"), (Where(ce="ce1", queue="lon"), "x has nothing for queue lon of ce1 (did you mean long?)")])
def test_a_name_that_the_profile_does_not_have_is_told(where, told):
    assert read(OWN, where, "x").doubts == (told,) and read(OWN, Where(setup="test", vo="lhcb", ce="ce1", queue="long"), "x").doubts == ()


def test_the_vo_may_come_from_dirac_s_variable(pilot, tmp_path):
    (tmp_path / "pilot.json").write_text(json.dumps({"VOs": {"lhcb": {"min_disk_mb": 7}}}))
    ended = pilot("-X", "CheckWorkerNode", env=dict(os.environ, DIRAC_PILOT_VO="lhcb"))
    assert ended.report["settings"]["min_disk_mb"] == {"value": 7, "source": "pilot.json: VOs/lhcb"}
    ended = pilot("-X", "CheckWorkerNode", env=dict(os.environ, DIRAC_PILOT_VO="lhcbb"))
    assert "pilot.json has nothing for lhcbb under VOs (did you mean lhcb?)" in ended.err


@pytest.mark.parametrize("where, expected", [
    (Where(), 2), (Where(setup="test"), 20), (Where(vo="lhcb"), 3), (Where(vo="lhcb", ce="ce1"), 4),
    (Where(vo="lhcb", ce="ce1", queue="long"), 5), (Where(ce="other", queue="long"), 2)])
def test_the_nearest_layer_of_our_own_layout_wins(where, expected):
    assert merged(read(OWN, where))["min_disk_mb"] == expected


def test_layers_name_their_place():
    sources = [layer.source for layer in read(OWN, Where(ce="ce1", queue="long")).layers]
    assert sources == ["pilot.json: Defaults", "pilot.json: Setups/prod", "pilot.json: CEs/ce1", "pilot.json: CEs/ce1/Queues/long"]


def test_a_flat_object_is_a_profile_too():
    assert merged(read({"min_disk_mb": 7}, Where())) == {"min_disk_mb": 7}


def test_unknown_keys_of_our_layout_are_told_with_the_nearest_name():
    profile = read({"Defaults": {"min_dsk_mb": 7}}, Where())
    assert profile.unknown_keys(["min_disk_mb"]) == ["pilot.json: Defaults: unknown key 'min_dsk_mb' (did you mean min_disk_mb?)"]


@pytest.mark.parametrize("where, commands", [
    (Where(), "CheckWorkerNode, LaunchAgent"), (Where(ce="ce1"), ["A", "B"]), (Where(ce_type="HTCondorCE"), ["A", "B"])])
def test_diracs_old_layout_chooses_commands_by_grid_type(where, commands):
    assert merged(read(OLD_DIRAC, where))["commands"] == commands


def test_diracs_old_layout_is_read_with_lists_and_strings_alike():
    found = merged(read(OLD_DIRAC, Where(ce="ce1", queue="q1")))
    assert found["extensions"] == ["GridPP", "LHCb"]
    assert found["release_version"] == "9.1"
    assert found["site"] == "LCG.CERN.cern" and found["local_ce_type"] == "Singularity"
    assert found["configuration_servers"] == ["dips://a", "dips://b"]


def test_diracs_new_layout_merges_its_five_places_in_order():
    found = merged(read(NEW_DIRAC, Where(vo="gridpp", ce="ce1")))
    assert found["release_version"] == "9.1" and found["release_project"] == "GridPP"
    assert found["remote_logging"] is True  # a JSON boolean, which upstream cannot read
    assert found["commands"] == "X, Y"
    assert read(NEW_DIRAC, Where()).unknown_keys([]) == []  # a dumped Operations section holds much else


@pytest.mark.parametrize("text, words", [("{", "not JSON"), ("[]", "must hold a JSON object"), (None, "cannot be read")])
def test_a_broken_profile_is_one_sentence(tmp_path, text, words):
    path = tmp_path / "pilot.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(UsageError) as caught:
        load(str(path))
    assert words in str(caught.value) and str(path) in str(caught.value)


def test_a_part_of_the_wrong_kind_is_named():
    with pytest.raises(UsageError, match="CEs/ce1 must be an object"):
        read({"CEs": {"ce1": 5}}, Where(ce="ce1"))


def test_reading_changes_nothing():
    before = json.dumps(NEW_DIRAC)
    read(NEW_DIRAC, Where(vo="gridpp", ce="ce1"))
    assert json.dumps(NEW_DIRAC) == before

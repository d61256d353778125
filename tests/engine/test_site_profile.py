"""A site's pilot.json, by VO, CE and queue."""

import json

import pytest

from pilot.errors import UsageError
from pilot.engine.site_profile import Where, load, read

OWN = {
    "DefaultSetup": "prod",
    "Defaults": {"min_disk_mb": 1, "extensions": ["lhcb"], "_comment": "ignored"},
    "Setups": {"prod": {"min_disk_mb": 2}, "test": {"min_disk_mb": 20}},
    "VOs": {"lhcb": {"min_disk_mb": 3}},
    "CEs": {"ce1": {"min_disk_mb": 4, "Queues": {"long": {"min_disk_mb": 5}}}},
}


def merged(profile):
    found = {}
    for layer in profile.layers:
        found.update(layer.values)
    return found


@pytest.mark.parametrize(
    "where, told",
    [
        (Where(setup="prodd"), "x has nothing for prodd under Setups (did you mean prod?)"),
        (Where(vo="lhcbb"), "x has nothing for lhcbb under VOs (did you mean lhcb?)"),
        (Where(ce="ce2"), "x has nothing for ce2 under CEs (did you mean ce1?)"),
        (Where(ce="ce1", queue="lon"), "x has nothing for queue lon of ce1 (did you mean long?)"),
    ],
)
def test_a_name_that_the_profile_does_not_have_is_told(where, told):
    assert read(OWN, where, "x").doubts == (told,)
    assert read(OWN, Where(setup="test", vo="lhcb", ce="ce1", queue="long"), "x").doubts == ()


@pytest.mark.parametrize("where, expected", [
    (Where(), 2), (Where(setup="test"), 20), (Where(vo="lhcb"), 3), (Where(vo="lhcb", ce="ce1"), 4),
    (Where(vo="lhcb", ce="ce1", queue="long"), 5), (Where(ce="other", queue="long"), 2)])
def test_the_nearest_layer_of_our_own_layout_wins(where, expected):
    assert merged(read(OWN, where))["min_disk_mb"] == expected


def test_layers_name_their_place():
    sources = [layer.source for layer in read(OWN, Where(ce="ce1", queue="long")).layers]
    assert sources == [
        "pilot.json: Defaults",
        "pilot.json: Setups/prod",
        "pilot.json: CEs/ce1",
        "pilot.json: CEs/ce1/Queues/long",
    ]


def test_a_flat_object_is_a_profile_too():
    assert merged(read({"min_disk_mb": 7}, Where())) == {"min_disk_mb": 7}


def test_unknown_keys_of_our_layout_are_told_with_the_nearest_name():
    profile = read({"Defaults": {"min_dsk_mb": 7}}, Where())
    assert profile.unknown_keys(["min_disk_mb"]) == [
        "pilot.json: Defaults: unknown key 'min_dsk_mb' (did you mean min_disk_mb?)"
    ]


@pytest.mark.parametrize(
    "text, words", [("{", "not JSON"), ("[]", "must hold a JSON object"), (None, "cannot be read")]
)
def test_a_broken_profile_is_one_sentence(tmp_path, text, words):
    path = tmp_path / "pilot.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(UsageError) as caught:
        load(str(path))
    assert words in str(caught.value)
    assert str(path) in str(caught.value)


def test_a_part_of_the_wrong_kind_is_named():
    with pytest.raises(UsageError, match="CEs/ce1 must be an object"):
        read({"CEs": {"ce1": 5}}, Where(ce="ce1"))


def test_reading_changes_nothing():
    before = json.dumps(OWN)
    read(OWN, Where(vo="lhcb", ce="ce1"))
    assert json.dumps(OWN) == before

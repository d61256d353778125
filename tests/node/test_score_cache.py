"""The score of a node, kept in a file that is believed only when it is ours and fresh."""

import json
import os
import stat
import time

import pytest

from pilot.node.db12 import Score
from pilot.node.score_cache import CACHE_DAYS, Cache, identity

OWNER = {"host": "wn1", "copies": 2}
SCORE = Score(9.5, (9.5, 10.5), "3.11")


@pytest.fixture
def cache(tmp_path):
    return Cache(str(tmp_path / "score"), OWNER, {})


@pytest.fixture
def kept(tmp_path, cache):
    """Writes the score with these fields of the file replaced; `None` takes one away."""

    def spoil(**fields):
        cache.write_score(SCORE)
        found = dict(json.loads((tmp_path / "score").read_text()), **fields)
        (tmp_path / "score").write_text(
            json.dumps({name: value for name, value in found.items() if value is not None})
        )
        return cache

    return spoil


def test_a_score_that_was_written_is_read(cache):
    cache.write_score(SCORE)
    assert cache.read_score() == SCORE


def test_where_nothing_was_written_nothing_is_read(cache):
    assert cache.read_score() is None


def test_another_owners_score_is_none(tmp_path, cache):
    cache.write_score(SCORE)
    assert Cache(str(tmp_path / "score"), dict(OWNER, copies=4), {}).read_score() is None


@pytest.mark.parametrize(
    "fields",
    [
        {"measured": time.time() - (CACHE_DAYS + 1) * 86400},
        {"measured": time.time() + 86400},
        {"measured": "x"},
        {"measured": None},
        {"scores": []},
        {"scores": ["x"]},
        {"scores": None},
        {"python": None},
    ],
    ids=["old", "of the future", "no time", "timeless", "empty", "no number", "none", "no Python"],
)
def test_a_file_that_is_old_or_odd_is_not_believed(kept, fields):
    assert kept(**fields).read_score() is None


@pytest.mark.parametrize("text", ["", "{", "[]", "null"])
def test_a_file_that_is_none_of_ours_is_not_believed(tmp_path, cache, text):
    (tmp_path / "score").write_text(text)
    assert cache.read_score() is None


@pytest.mark.parametrize("mode", [0o620, 0o602])
def test_a_file_that_others_may_write_is_not_believed(tmp_path, cache, mode):
    cache.write_score(SCORE)
    (tmp_path / "score").chmod(mode)
    assert cache.read_score() is None


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to give a file away")
def test_another_users_file_is_not_believed(tmp_path, cache):
    cache.write_score(SCORE)
    os.chown(str(tmp_path / "score"), 54402, 54402)
    assert cache.read_score() is None


def test_a_link_is_not_followed(tmp_path, cache):
    cache.write_score(SCORE)
    (tmp_path / "link").symlink_to(tmp_path / "score")
    assert Cache(str(tmp_path / "link"), OWNER, {}).read_score() is None


def test_nobody_else_may_write_what_is_kept(tmp_path, cache):
    cache.write_score(SCORE)
    assert stat.S_IMODE((tmp_path / "score").stat().st_mode) & 0o022 == 0


def test_without_a_path_it_lies_in_the_temporary_folder_of_the_slot(tmp_path):
    Cache(None, OWNER, {"TMPDIR": str(tmp_path)}).write_score(SCORE)
    assert os.listdir(str(tmp_path)) == ["pilot-cpu-power-%d.json" % os.getuid()]


def test_a_place_that_cannot_be_written_is_passed_over(tmp_path):
    one = Cache(str(tmp_path / "none" / "score"), OWNER, {})
    one.write_score(SCORE)
    assert one.read_score() is None


def test_when_it_is_off_nothing_is_kept(tmp_path, monkeypatch):
    monkeypatch.chdir(str(tmp_path))
    one = Cache("off", OWNER, {})
    one.write_score(SCORE)
    assert one.read_score() is None
    assert os.listdir(str(tmp_path)) == []


@pytest.mark.parametrize(
    "other", [("ARM", 2, False), ("EPYC", 4, False), ("EPYC", 2, True), ("EPYC", 2, False, "2.7")]
)
def test_a_score_belongs_to_how_and_where_it_was_measured(other):
    assert identity(*other) != identity("EPYC", 2, False)


def test_a_score_belongs_to_this_boot():
    with open("/proc/sys/kernel/random/boot_id") as stream:
        assert identity("EPYC", 2, False)["boot"] == stream.read().strip()

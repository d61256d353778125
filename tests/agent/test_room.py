"""Whether the node has room for another payload."""

from types import SimpleNamespace

import pytest

from pilot.agent import room
from tests.agent.running import PLAN, look, put


def test_a_payload_that_fills_the_disk_is_charged_and_the_next_one_runs(pool, pilot, small_disk):
    put(
        pool,
        {"id": "hog", "script": "cat /dev/zero > big", "max_attempts": 2, "priority": 5},
        *[{"id": "ok%d" % n} for n in range(5)],
    )
    ended = pilot(
        *(PLAN + ("--pool", pool, "--min-disk-mb", "8", "--slots", "1")), workdir=small_disk
    )
    assert ended.code == 0
    assert ended.report["tasks"]["done"] == 5
    assert look(pool, "hog")["state"] == "error"
    assert "it filled the disk" in look(pool, "hog")["reason"]


def test_a_node_whose_disk_fills_costs_no_attempt(pool, pilot, small_disk):
    full = (
        "until [ $(df --output=avail -m %s | tail -1) -lt 8 ]; do sleep 0.05; done" % small_disk
    )  # the other slot is busy until then
    put(
        pool,
        {
            "id": "filler",
            "script": "cat /dev/zero > %s/elsewhere; exit 0" % small_disk,
            "priority": 5,
        },
        {"id": "waits", "script": full, "priority": 4},
        *[{"id": "ok%d" % n} for n in range(50)],
    )
    ended = pilot(
        *(PLAN + ("--pool", pool, "--min-disk-mb", "8", "--slots", "2")), workdir=small_disk
    )
    assert ended.code == 10
    assert "8 needed (--min-disk-mb)" in ended.out + ended.err
    told = [look(pool, "ok%d" % n) for n in range(50)]
    assert {one["state"] for one in told} <= {"todo", "done"}
    assert all(one["attempts_used"] == (one["state"] == "done") for one in told)


def test_where_there_is_room_nothing_is_said(tmp_path):
    assert room.describe_lack(str(tmp_path), 0.0) == ""


def test_too_little_space_is_told_with_what_is_needed(tmp_path):
    told = room.describe_lack(str(tmp_path), 1e12)
    assert told.endswith(" MB free in %s, 1000000000000 needed (--min-disk-mb)" % tmp_path)


def test_a_folder_that_is_not_there_is_told(tmp_path):
    told = room.describe_lack(str(tmp_path / "gone"), 0.0)
    assert told == "the free space of %s/gone cannot be read: No such file or directory" % tmp_path


@pytest.fixture
def disk(monkeypatch):
    """Says what every file system has: `disk(free_mb=10, files=1000)`."""

    def have(free_mb, files=1000, all_files=100000):
        found = SimpleNamespace(
            f_bavail=free_mb, f_frsize=1 << 20, f_files=all_files, f_favail=files
        )
        monkeypatch.setattr(room.os, "statvfs", lambda folder: found)

    return have


def test_too_few_files_are_told(disk):
    disk(free_mb=1000, files=5)
    assert room.describe_lack("/w", 10.0) == "5 files can still be made in /w, 100 needed"


def test_a_file_system_that_counts_no_files_has_room_for_them(disk):
    disk(free_mb=1000, files=0, all_files=0)
    assert room.describe_lack("/w", 10.0) == ""


@pytest.mark.parametrize(
    "free_mb, needed_mb, told",
    [
        (5, 6.0, "it filled the disk: its folder has 2 MB, 5 MB are left"),
        (5, 4.0, ""),  # there is room
        (5, 20.0, ""),  # without it the disk were as full
    ],
)
def test_who_filled_the_disk_is_told(disk, tmp_path, free_mb, needed_mb, told):
    (tmp_path / "big").write_bytes(b"x" * (2 << 20))
    disk(free_mb)
    assert room.used_up_by(str(tmp_path), needed_mb) == told


def test_a_folder_that_is_as_good_as_empty_filled_nothing(disk, tmp_path):
    disk(5)
    assert room.used_up_by(str(tmp_path), 5.5) == ""

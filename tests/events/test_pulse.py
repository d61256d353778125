"""What a heartbeat tells of the machine."""

import os

import pytest

from pilot.events import pulse


def test_the_load_is_that_of_one_five_and_fifteen_minutes(tmp_path):
    assert len(pulse.measure(str(tmp_path))["load"]) == 3


def test_the_free_disk_is_what_a_user_may_write(tmp_path):
    space = os.statvfs(str(tmp_path))
    most = space.f_blocks * space.f_frsize >> 20
    assert 0 <= pulse.measure(str(tmp_path))["disk_free_mb"] <= most


def test_the_free_memory_is_no_more_than_there_is(tmp_path):
    most = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") >> 20
    assert 0 < pulse.measure(str(tmp_path))["memory_free_mb"] <= most


def test_a_workdir_that_is_gone_is_left_out(tmp_path):
    found = pulse.measure(str(tmp_path / "gone"))
    assert "disk_free_mb" not in found
    assert "load" in found


@pytest.mark.parametrize("text", ["", "MemTotal: 5 kB\n", "MemAvailable: x kB\n", "junk"])
def test_memory_that_cannot_be_read_is_left_out(tmp_path, monkeypatch, text):
    (tmp_path / "meminfo").write_text(text)
    monkeypatch.setattr(
        pulse, "open", lambda path: open(str(tmp_path / "meminfo")), raising=False
    )
    assert "memory_free_mb" not in pulse.measure(str(tmp_path))

"""Files that are there whole or not at all."""

import os
import stat

import pytest

from pilot.base.files import write_file


def test_a_file_is_replaced_whole_with_its_mode(tmp_path, same_umask):
    path = tmp_path / "f"
    path.write_text("before")
    os.umask(0o022)
    write_file(str(path), b"after", 0o666)
    assert path.read_bytes() == b"after"
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert os.listdir(str(tmp_path)) == ["f"]


def test_a_link_in_its_place_is_replaced_and_not_followed(tmp_path):
    (tmp_path / "target").write_text("untouched")
    (tmp_path / "f").symlink_to(tmp_path / "target")
    write_file(str(tmp_path / "f"), b"new")
    assert (tmp_path / "target").read_text() == "untouched" and not (tmp_path / "f").is_symlink()


def test_a_signal_in_the_midst_leaves_nothing_behind(tmp_path, monkeypatch):
    def stopped(_from, _to):
        raise KeyboardInterrupt
    monkeypatch.setattr(os, "replace", stopped)
    with pytest.raises(KeyboardInterrupt):
        write_file(str(tmp_path / "f"), b"x")
    assert os.listdir(str(tmp_path)) == []


def test_what_cannot_be_written_leaves_what_was_there(tmp_path):
    (tmp_path / "f").mkdir()
    with pytest.raises(OSError):
        write_file(str(tmp_path / "f"), b"x")
    assert os.listdir(str(tmp_path)) == ["f"]
    with pytest.raises(OSError):
        write_file(str(tmp_path / "none" / "f"), b"x")

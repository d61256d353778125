"""The file that is in force while a changed one is wrong."""

import types

import pytest

from pilot.errors import UsageError
from pilot.ops.factory.__main__ import main
from pilot.ops.factory.in_force import keep_file, read_in_force
from tests.ops.factory.farming import FARM, site


def test_operators_have_their_verbs_while_the_changed_file_is_wrong(farm, daemon, capsys):
    farm(FARM.replace("max_running", "max_runing"))
    for words in (["status"], ["explain", "home"], ["pause"], ["resume"], ["outputs"], ["waste"]):
        assert main([words[0], farm.file] + words[1:]) == 0, words
        said = capsys.readouterr().err
        assert "max_runing" in said
        assert "the file as it was before is in force" in said
    assert main(["check", farm.file]) == 2
    farm(FARM)
    assert main(["stop", farm.file]) == 0
    assert site(farm.file)["state"] != "new"


def test_a_book_without_room_for_a_copy_does_not_end_the_factory(tmp_path, caplog):
    farm = types.SimpleNamespace(path=str(tmp_path / "none"), book=str(tmp_path))
    keep_file(farm)
    assert "no copy of the file could be kept" in caplog.text


def test_a_file_that_was_never_right_is_refused(tmp_path):
    path = tmp_path / "f.ini"
    path.write_text("[factory\n")
    with pytest.raises(UsageError):
        read_in_force(str(path))

"""This program as files: collected, packed, unpacked, written."""

import io
import os
import stat
import zipfile

import pytest

from pilot.engine import onefile
from pilot.errors import UsageError
from tests.conftest import ROOT


@pytest.fixture(scope="module")
def files():
    """What a checkout is made of."""
    return onefile.collect_files(str(ROOT))


@pytest.fixture
def checkout(tmp_path):
    """A small program in a folder."""
    for name in ("pilot/a.py", "commands/b.py", "pilot.py", "pilot/__pycache__/a.pyc", "pilot/.x"):
        path = tmp_path / "root" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return tmp_path / "root"


def test_entry_engine_and_toolbox_are_collected_and_nothing_else(checkout):
    assert sorted(onefile.collect_files(str(checkout))) == [
        "commands/b.py",
        "pilot.py",
        "pilot/a.py",
    ]


def test_an_extension_becomes_a_package_of_its_own(checkout, tmp_path):
    (tmp_path / "pilot_mine").mkdir()
    (tmp_path / "pilot_mine" / "__init__.py").write_text("mine")
    found = onefile.collect_files(str(checkout), [str(tmp_path / "pilot_mine")])
    assert found["pilot_mine/__init__.py"] == b"mine"


@pytest.mark.parametrize("name", ["mine", "pilot_empty", "pilot_none"])
def test_what_is_no_extension_is_told(tmp_path, name):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "__init__.py").write_text("")
    (tmp_path / "pilot_empty").mkdir()
    with pytest.raises(UsageError, match="%s: is no package named pilot_*" % name):
        onefile.with_extras({}, [str(tmp_path / name)], None)


def test_defaults_are_built_in():
    assert onefile.with_extras({}, [], b"{}") == {"pilot/defaults.json": b"{}"}


def test_a_zip_holds_what_was_put_into_it(files, tmp_path):
    (tmp_path / "p.pyz").write_bytes(onefile.zip_bytes(files))
    found = onefile.files_of(str(tmp_path / "p.pyz"))
    assert found == files


def test_a_zip_begins_as_a_script_does(files):
    assert onefile.zip_bytes(files).startswith(b"#!/usr/bin/env python3\n")


def test_the_same_files_make_the_same_bytes_in_whatever_order(files):
    turned = dict(sorted(files.items(), reverse=True))
    assert onefile.zip_bytes(turned) == onefile.zip_bytes(files)


def test_each_folder_is_a_member_of_the_zip(files):
    with zipfile.ZipFile(io.BytesIO(onefile.zip_bytes(files))) as archive:
        names = set(archive.namelist())
    assert {"pilot/", "pilot/engine/", "commands/"} <= names


@pytest.mark.parametrize(
    "part, there, gone",
    [
        (onefile.loader_for_zip, b"def run_zip", b"def run_text"),
        (onefile.loader_for_text, b"def run_text", b"def run_zip"),
    ],
)
def test_each_form_carries_the_loader_that_it_needs(files, part, there, gone):
    source = part(files[onefile.LOADER])
    assert there in source
    assert gone not in source


@pytest.mark.parametrize("part", [onefile.loader_for_zip, onefile.loader_for_text])
def test_a_part_of_the_loader_is_a_program(files, part):
    names = {}
    exec(compile(part(files[onefile.LOADER]), "loader", "exec"), names)
    assert "PackedLoader" in names


def test_a_file_that_cannot_be_read_is_told(tmp_path):
    with pytest.raises(UsageError, match="none: cannot be read: No such file"):
        onefile.files_of(str(tmp_path / "none"))


@pytest.mark.parametrize("data", [b"", b"text", b"PK\005\006" + b"\0" * 18])
def test_what_is_no_pilot_is_told(tmp_path, data):
    (tmp_path / "p").write_bytes(data)
    with pytest.raises(UsageError, match="is no zip form of a pilot"):
        onefile.files_of(str(tmp_path / "p"))


def test_a_program_is_written_for_all_to_run_whatever_the_umask(tmp_path, same_umask):
    os.umask(0o077)
    onefile.write_program(str(tmp_path / "p"), b"x")
    assert stat.S_IMODE((tmp_path / "p").stat().st_mode) == 0o755


def test_a_link_stays_one_when_its_file_is_written(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "real")
    onefile.write_program(str(tmp_path / "link"), b"x")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_bytes() == b"x"


def test_what_is_no_regular_file_is_left_alone(tmp_path):
    with pytest.raises(UsageError, match="it exists and is not a regular file"):
        onefile.write_program(str(tmp_path), b"x")


def test_a_place_that_cannot_be_written_is_told(tmp_path):
    with pytest.raises(UsageError, match="cannot be written: No such file"):
        onefile.write_program(str(tmp_path / "none" / "p"), b"x")


def test_a_program_unpacks_itself_as_a_checkout_has_it(tmp_path):
    entry = onefile.explode_into(str(tmp_path / "x"))
    assert entry == str(tmp_path / "x" / "pilot.py")
    assert onefile.collect_files(str(tmp_path / "x")) == onefile.own_files()


def test_extensions_are_unpacked_into_their_folder(tmp_path, monkeypatch):
    files = {"pilot_mine/__init__.py": b"", "pilot.py": b""}
    monkeypatch.setattr(onefile, "own_files", lambda: files)
    onefile.explode_into(str(tmp_path))
    assert (tmp_path / "extensions" / "pilot_mine" / "__init__.py").exists()


def test_a_folder_that_cannot_be_unpacked_into_is_told(tmp_path):
    (tmp_path / "x").write_text("")
    with pytest.raises(UsageError, match="^--explode "):
        onefile.explode_into(str(tmp_path / "x"))

"""Modules from the one file that holds them all."""

import base64
import importlib
import io
import os
import subprocess
import sys
import traceback
import zipfile
import zlib

import pytest

from pilot.engine import loader
from pilot.engine.loader import PackedLoader

FILES = {
    "pilot.py": b"raise AssertionError",
    "packed_a.py": b"VALUE = 5\n",
    "packed_b/__init__.py": b"from packed_b.inner import WORD\n",
    "packed_b/inner.py": b"WORD = 'x'\ndef fail():\n    raise ValueError('here')\n",
    "packed_b/data.json": b"{}",
}


def readers(files):
    return {name: lambda data=data: data for name, data in files.items()}


def text_form(files):
    """As pilot.bundle packs a text, but for the small one."""
    head = "\n".join("%s %d" % (name, len(data)) for name, data in files.items())
    packed = zlib.compress(head.encode() + b"\n\n" + b"".join(files.values()))
    return base64.b64encode(packed).decode()


def zip_form(files, method, before=b""):
    out = io.BytesIO()
    out.write(before)
    with zipfile.ZipFile(out, "a", method) as archive:
        archive.writestr("folder/", b"")
        for name, data in files.items():
            archive.writestr(name, data)
    return out.getvalue()


@pytest.fixture
def packed(monkeypatch):
    """Finds the files above; what was imported from them is forgotten."""
    one = PackedLoader(readers(FILES), "/home/p/pilot.pyz")
    monkeypatch.setattr(sys, "meta_path", [one] + sys.meta_path)
    yield one
    for name in [name for name in sys.modules if name.startswith("packed_")]:
        del sys.modules[name]


def test_a_module_is_imported_from_its_file(packed):
    assert importlib.import_module("packed_a").VALUE == 5


def test_a_module_of_a_package_is_imported_too(packed):
    assert importlib.import_module("packed_b").WORD == "x"


def test_a_module_knows_where_it_lies(packed):
    module = importlib.import_module("packed_b.inner")
    assert module.__file__ == "/home/p/pilot.pyz/packed_b/inner.py"


@pytest.mark.parametrize("name", ["pilot", "packed_c", "packed_b.data", "json"])
def test_what_is_not_packed_is_left_to_others(packed, name):
    assert packed.find_spec(name) is None


def test_a_traceback_shows_the_line(packed):
    module = importlib.import_module("packed_b.inner")
    try:
        module.fail()
    except ValueError:
        assert "raise ValueError('here')" in traceback.format_exc()


def test_a_file_beside_the_modules_is_had_by_its_path(packed):
    assert packed.get_data("/home/p/pilot.pyz/packed_b/data.json") == b"{}"


def test_a_file_that_is_not_packed_is_an_error(packed):
    with pytest.raises(OSError, match="/none is not packed"):
        packed.get_data("/home/p/pilot.pyz/none")


def test_a_module_that_is_not_packed_has_no_source(packed):
    assert packed.get_source("packed_c") is None


def test_all_files_are_had_by_name(packed):
    assert packed.pilot_files == FILES


def test_a_text_is_unpacked():
    found = loader.unpacked(text_form(FILES))
    assert {name: read() for name, read in found.items()} == FILES


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize("before", [b"", b"#!/usr/bin/env python3\n"])
def test_a_zip_is_read_whatever_stands_before_it(method, before):
    found = loader.zipped(zip_form(FILES, method, before))
    assert {name: read() for name, read in found.items()} == FILES


def test_what_is_no_zip_is_an_error():
    with pytest.raises(ValueError):
        loader.zipped(b"nothing of that kind")


def test_nothing_is_written_beside_the_file(tmp_path):
    files = {
        "pilot/__init__.py": b"",
        "pilot/__main__.py": b"def main():\n    print('ran')\n    return 7\n",
        "__main__.py": b"",
    }
    (tmp_path / "p.pyz").write_bytes(zip_form(files, zipfile.ZIP_STORED))
    code = (
        "import importlib.util, sys\n"
        "spec = importlib.util.spec_from_file_location('l', sys.argv[1])\n"
        "one = importlib.util.module_from_spec(spec)\nspec.loader.exec_module(one)\n"
        "sys.exit(one.run_zip(sys.argv[2]))"
    )

    done = subprocess.run(
        [sys.executable, "-B", "-c", code, loader.__file__, str(tmp_path / "p.pyz")],
        cwd=str(tmp_path),
        stdout=subprocess.PIPE,
    )
    assert (done.returncode, done.stdout) == (7, b"ran\n")
    assert os.listdir(str(tmp_path)) == ["p.pyz"]

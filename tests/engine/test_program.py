"""This program's own files, and how its modules are started."""

import os
import subprocess
import sys

import pytest

from pilot.base.python import interpreter
from pilot.engine import onefile, program
from pilot.errors import UsageError
from tests.conftest import ROOT


def test_the_root_holds_the_engine():
    assert program.root() == str(ROOT)


def test_a_checkout_carries_no_files_inside():
    assert program.embedded_files() is None


@pytest.mark.parametrize("module, there", [("pilot.agent", True), ("pilot.nothing", False)])
def test_a_part_is_there_or_not(module, there):
    assert program.has(module) is there


def test_modules_are_loaded_ahead():
    code = (
        "import sys; sys.path.insert(0, %r)\nfrom pilot.engine import program\n"
        "program.load(['pilot.node.nagios'])\nprint('pilot.node.nagios' in sys.modules)" % str(ROOT)
    )
    assert subprocess.check_output([sys.executable, "-c", code]).strip() == b"True"


@pytest.mark.parametrize("name", ["pilot.nothing", "pilot.nothing.at_all"])
def test_what_a_lean_file_lacks_is_passed_over(name):
    assert program.load([name]) is None


@pytest.mark.parametrize("missing, raised", [("ssl", False), ("no_such_library", True)])
def test_what_python_may_lack_is_told_to_who_needs_it(tmp_path, monkeypatch, missing, raised):
    name = "needs_" + missing
    (tmp_path / name).mkdir()
    (tmp_path / name / "__init__.py").write_text("")
    (tmp_path / name / "part.py").write_text("raise ImportError('x', name=%r)\n" % missing)
    monkeypatch.syspath_prepend(str(tmp_path))
    if raised:
        with pytest.raises(ImportError):
            program.load([name + ".part"])
    else:
        program.load([name + ".part"])


def test_a_part_for_an_option_is_imported():
    assert program.load_part("stepping", "step").__name__ == "pilot.engine.stepping"


def test_an_option_without_its_part_is_told():
    with pytest.raises(UsageError, match="^this file has no --dance: it was made with .* --lean$"):
        program.load_part("dancing", "dance")


def test_a_checkout_starts_its_own_main(tmp_path):
    assert program.start_argv("pilot.agent", str(tmp_path)) == [
        interpreter(),
        str(ROOT / "pilot" / "__main__.py"),
        "-m",
        "pilot.agent",
    ]


def test_a_file_starts_itself(tmp_path, monkeypatch):
    (tmp_path / "p.pyz").write_text("")
    monkeypatch.setattr(program, "root", lambda: str(tmp_path / "p.pyz"))
    assert program.start_argv("pilot.agent", "/w")[1] == str(tmp_path / "p.pyz")


def test_a_script_from_a_pipe_is_stored_and_runs(tmp_path, monkeypatch):
    monkeypatch.setattr(program, "embedded_files", lambda: onefile.collect_files(str(ROOT)))
    monkeypatch.setattr(program, "root", lambda: "<pipe>")
    entry = program.start_argv("pilot.agent", str(tmp_path))[1]
    assert entry == str(tmp_path / ("pilot-%d.pyz" % os.getpid()))
    told = subprocess.check_output([sys.executable, entry, "--version"], cwd=str(tmp_path))
    assert told.startswith(b"pilot ")


def test_a_file_that_vanished_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(program, "root", lambda: str(tmp_path / "gone.pyz"))
    with pytest.raises(RuntimeError, match="gone.pyz no longer exists: .* needs its own file"):
        program.start_argv("pilot.agent", str(tmp_path))

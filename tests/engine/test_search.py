"""What lies in the working directory does not become the pilot."""

import os
import shutil
import subprocess
import sys

import pytest

from pilot.engine import search
from pilot.engine.search import Root
from tests.conftest import ROOT

PLANTED = (
    "msvcrt",
    "base64",
    "zlib",
    "subprocess",
    "argparse",
    "pilot",
    "commands",
    "ssl",
    "bz2",
    "atexit",
    "json",
    "_winapi",
    "nt",
)


@pytest.fixture(scope="module")
def forms(tmp_path_factory):
    """Command lines that start the program in each of its forms; "-" means that it is read from a
    pipe."""
    folder = tmp_path_factory.mktemp("forms")
    for words in (
        ["-o", "pilot.pyz"],
        ["--text", "-o", "pilot.py"],
        ["--text", "--lean", "-o", "lean.py"],
    ):
        subprocess.check_call(
            [sys.executable, "-m", "pilot.bundle"] + words[:-1] + [str(folder / words[-1])],
            cwd=str(ROOT),
            stdout=subprocess.DEVNULL,
        )
    return {
        "checkout": str(ROOT / "pilot.py"),
        "zip": str(folder / "pilot.pyz"),
        "text": str(folder / "pilot.py"),
        "lean": str(folder / "lean.py"),
        "folder": folder,
    }


@pytest.fixture
def planted(tmp_path):
    """A folder full of modules that say so when they are run."""
    for name in PLANTED:
        (tmp_path / (name + ".py")).write_text(
            "open(%r, 'w').close()\n" % str(tmp_path / "EXECUTED")
        )
    return tmp_path


@pytest.mark.parametrize("flags", [[], ["-I"]], ids=["plain", "-I"])
@pytest.mark.parametrize(
    "form", ["checkout", "zip", "text", "text by a pipe", "lean by a pipe", "text beside them"]
)
def test_modules_planted_in_the_working_directory_are_not_run(forms, planted, form, flags):
    entry, stdin = forms.get(form.split()[0]), subprocess.DEVNULL
    if "pipe" in form:
        entry, stdin = "-", open(entry, "rb")
    elif "beside" in form:
        shutil.copy(entry, str(planted / "job.py"))
        entry = "job.py"
    done = subprocess.run(
        [sys.executable] + flags + [entry, "-X", "CheckWorkerNode,Configure", "--workdir", "w"],
        cwd=str(planted),
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    if stdin != subprocess.DEVNULL:
        stdin.close()
    assert done.returncode == 0, done.stdout.decode()
    assert not (planted / "EXECUTED").exists()


def extension(folder, uid=None, mode=None):
    package = folder / "pilot_evil"
    package.mkdir()
    (package / "__init__.py").write_text(
        "open(%r, 'w').close()\nCOMMANDS = ()\n" % str(folder / "EXECUTED")
    )
    for path in (package, package / "__init__.py"):
        if mode is not None:
            path.chmod(mode)
        if uid is not None:
            os.chown(str(path), uid, uid)
    return package


def run(folder, *words, **environ):
    return subprocess.run(
        [sys.executable, str(ROOT / "pilot.py")] + list(words),
        cwd=str(folder),
        env=dict(os.environ, **environ),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


def test_an_extension_is_found_in_a_folder_of_the_variable(pilot, tmp_path):
    folder = tmp_path / "elsewhere"
    (folder / "pilot_faraway").mkdir(parents=True)
    (folder / "pilot_faraway" / "__init__.py").write_text("COMMANDS = ()\n")
    for path in (folder, folder / "pilot_faraway", folder / "pilot_faraway" / "__init__.py"):
        path.chmod(0o755)
    words = ("-X", "CheckWorkerNode", "-E", "faraway")
    assert pilot(*words).code == 2
    assert pilot(*words, env=dict(os.environ, PILOT_EXTENSION_PATH=str(folder))).code == 0


def test_an_extension_here_is_found_and_one_that_anybody_may_write_is_told(tmp_path):
    package = extension(tmp_path)
    for words in (("--list",), ("--plan", "-X", "CheckWorkerNode")):
        assert run(tmp_path, *words).returncode == 0
        assert not (tmp_path / "EXECUTED").exists()
    assert run(tmp_path, "-E", "evil", "--list").returncode == 0
    assert (tmp_path / "EXECUTED").exists()
    (tmp_path / "EXECUTED").unlink()
    (package / "__init__.py").chmod(0o666)
    done = run(tmp_path, "-E", "evil", "--list")
    assert done.returncode == 2
    assert b"pilot_evil/__init__.py may be written by anybody" in done.stdout
    assert not (tmp_path / "EXECUTED").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root: files of another user")
def test_another_users_extension_and_profile_are_not_read(tmp_path):
    extension(tmp_path, uid=12345)
    done = run(tmp_path, "-E", "evil", "--list")
    assert done.returncode == 2
    assert b"belongs to another user (uid 12345)" in done.stdout
    assert not (tmp_path / "EXECUTED").exists()
    # an operator named it
    assert run(tmp_path, "-E", "evil", "--list", PILOT_EXTENSION_PATH=str(tmp_path)).returncode == 0
    (tmp_path / "pilot.json").write_text('{"Defaults": {"min_disk_mb": 1}}')
    os.chown(str(tmp_path / "pilot.json"), 12345, 12345)
    done = run(tmp_path, "-X", "CheckWorkerNode")
    assert done.returncode == 2
    assert b"pilot.json: it is not read unless -F names it" in done.stdout
    assert (
        run(tmp_path, "-F", "pilot.json", "-X", "CheckWorkerNode", "--workdir", "w").returncode == 0
    )


def test_only_extensions_are_found_by_the_finder(tmp_path):
    (tmp_path / "msvcrt.py").write_text("")
    (tmp_path / "pilot_mine").mkdir()
    (tmp_path / "pilot_mine" / "__init__.py").write_text("")
    finder = search.ExtensionFinder([Root(str(tmp_path / "none")), Root(str(tmp_path))])
    assert finder.find_spec("msvcrt") is None
    assert finder.find_spec("pilot_other") is None
    assert finder.find_spec("pilot_mine").origin == str(tmp_path / "pilot_mine" / "__init__.py")
    assert finder.folders() == [str(tmp_path)]

"""The package as pip would install it."""

import configparser
import json
import subprocess
import sys
import venv

import pytest

from pilot import VERSION
from tests.conftest import ROOT


def test_the_version_is_one():
    parser = configparser.ConfigParser()
    parser.read(str(ROOT / "setup.cfg"))
    assert parser["metadata"]["version"] == VERSION


def test_an_installed_pilot_works_too(tmp_path):
    """Built and installed without a network; skipped where this Python cannot build wheels by
    itself."""
    probe = subprocess.run(
        [sys.executable, "-c", "import setuptools, wheel, pip"], stderr=subprocess.DEVNULL
    )
    if probe.returncode:
        pytest.skip("setuptools, wheel and pip are not all installed")
    source = tmp_path / "source"
    subprocess.check_call(["git", "clone", "-q", str(ROOT), str(source)])
    built = subprocess.run(
        [
            sys.executable,
            "-m",
            "pip",
            "wheel",
            "-q",
            "--no-deps",
            "--no-index",
            "--no-build-isolation",
            "-w",
            str(tmp_path / "wheels"),
            str(source),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    assert built.returncode == 0, built.stdout.decode()
    venv.create(str(tmp_path / "venv"), with_pip=True)
    wheel = next((tmp_path / "wheels").glob("*.whl"))
    subprocess.check_call(
        [
            str(tmp_path / "venv" / "bin" / "python"),
            "-m",
            "pip",
            "install",
            "-q",
            "--no-index",
            str(wheel),
        ]
    )
    done = subprocess.run(
        [
            str(tmp_path / "venv" / "bin" / "pilot"),
            "-X",
            "CheckWorkerNode,LaunchAgent",
            "--tasks",
            str(ROOT / "examples" / "tasks.jsonl"),
        ],
        cwd=str(tmp_path),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert done.returncode == 0, done.stderr.decode()
    assert json.loads((tmp_path / "pilot-report.json").read_text())["tasks"]["done"] == 5
    site = next((tmp_path / "venv" / "lib").glob("python3*/site-packages"))
    (site / "pilot_installed").mkdir()
    (site / "pilot_installed" / "__init__.py").write_text("COMMANDS = ()\n")
    found = subprocess.run(
        [
            str(tmp_path / "venv" / "bin" / "pilot"),
            "-X",
            "CheckWorkerNode",
            "-E",
            "installed",
            "--plan",
        ],
        cwd=str(tmp_path),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert found.returncode == 0, found.stderr.decode()

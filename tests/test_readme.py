"""The README is right: its commands run, its code is the code."""

import re
import shutil
import subprocess
import sys

import pytest

from tests.conftest import ROOT
from tests.pool.served import Served

TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
LINES = [
    line.strip().split("   #")[0].strip() if line.startswith("    ") else ""
    for line in TEXT.splitlines()
]
BLOCKS = [
    [line for line in block.split("\n") if "python3" in line]
    for block in re.split(r"\n\n+", "\n".join(LINES))
]
# commands of one block build upon each other, as a reader's do
BLOCKS = [block for block in BLOCKS if block]


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """A copy in which commands may leave what they leave."""
    folder = tmp_path_factory.mktemp("readme") / "checkout"
    shutil.copytree(
        str(ROOT),
        str(folder),
        ignore=shutil.ignore_patterns(".git", ".tox", "__pycache__", ".real"),
    )
    return folder


def test_there_are_commands_to_run():
    assert len(BLOCKS) >= 5 and sum(len(block) for block in BLOCKS) >= 12


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """What the README's server is: elsewhere, so that two runs do not meet."""
    server = Served(tmp_path_factory.mktemp("served"))
    yield server
    server.kill()


@pytest.mark.parametrize("block", BLOCKS, ids=[block[0] for block in BLOCKS])
def test_every_command_runs(checkout, block, served):
    for command in block:
        run(command, checkout, served.url)


def run(command, checkout, url):
    if "pilot.pool serve" in command:
        assert command == "python3 -m pilot.pool serve sqlite:farm.sqlite --create &"
        command = "python3 -m pilot.pool status " + url
    if "pilot.factory run" in command:  # a daemon: one cycle is enough here
        command = command.replace(" run ", " once ")
    if "pilot.factory add cluster.ini slurm" in command:
        command = command.replace(" slurm ", " slurm --no-dry-run ")
    command = command.replace("http://127.0.0.1:8420", url)
    if "/cvmfs/" in command:
        command = command.replace("env:/cvmfs/my.org/setup.sh", "none")
    if (
        "python3 pilot.py" in command
        and "-X" not in command
        and "--tasks" in command
        and "--plan" not in command
    ):
        command += " --fast"
    if "--step" in command:
        command = "yes '' | " + command
    done = subprocess.run(
        ["bash", "-c", command.replace("python3", sys.executable, 1 if "|" not in command else -1)],
        cwd=str(checkout),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    assert done.returncode == 0, "%s: %s" % (command, done.stdout.decode()[-2000:])


def test_the_example_is_shown_whole():
    assert (ROOT / "extensions" / "pilot_example" / "say_hello.py").read_text() in TEXT


def test_the_ten_minutes(checkout, tmp_path):
    mine = checkout / "extensions" / "pilot_mine"
    shutil.copytree(str(checkout / "extensions" / "pilot_example"), str(mine))
    path = mine / "say_hello.py"
    path.write_text(path.read_text().replace('"%s, %s!"', '"%s, %s from my own copy!"'))
    (mine / "__init__.py").write_text("from .say_hello import SayHello\n\nCOMMANDS = (SayHello,)\n")
    command = re.search(r"3\. Run it: `python3 (.*?)`", TEXT).group(1).split()
    done = subprocess.run(
        [sys.executable] + command,
        cwd=str(checkout),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert done.returncode == 0 and b"from my own copy!" in done.stderr
    subprocess.check_call(
        [
            sys.executable,
            "-m",
            "pilot.bundle",
            "--text",
            "-o",
            str(tmp_path / "job.py"),
            "--extension",
            "extensions/pilot_mine",
        ],
        cwd=str(checkout),
        stdout=subprocess.DEVNULL,
    )
    done = subprocess.run(
        [sys.executable, "job.py"] + command[1:],
        cwd=str(tmp_path),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert done.returncode == 0 and b"from my own copy!" in done.stderr


def test_its_test_of_a_command_passes(checkout, tmp_path):
    code = (
        re.search(r"```python\n(from pilot\.testing.*?)```", TEXT, re.S)
        .group(1)
        .replace("pilot_mine", "pilot_example")
    )
    (tmp_path / "test_it.py").write_text(code)
    program = (
        "import sys; sys.path[:0] = [%r, %r, %r]; import pathlib, test_it; test_it.test_it_greets(pathlib.Path(%r))"
        % (str(ROOT), str(ROOT / "extensions"), str(tmp_path), str(tmp_path))
    )
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0

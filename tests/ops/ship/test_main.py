"""The command line of pilot.ship: every world, and what is refused."""

import json
import subprocess
import sys

import pytest

from pilot.ops.ship.__main__ import main
from pilot.ops.ship.worlds import WORLDS
from tests.conftest import ROOT


def test_a_given_pilot_with_a_config_and_an_extension(ship, tmp_path):
    (tmp_path / "site.json").write_text(
        json.dumps({"Defaults": {"extensions": ["example"], "site": "S"}})
    )
    subprocess.check_call(
        [sys.executable, "-m", "pilot.bundle", "-o", str(tmp_path / "p.pyz")],
        cwd=str(ROOT),
        stdout=subprocess.DEVNULL,
    )
    folder, _ = ship(
        "htcondor",
        "--pilot",
        str(tmp_path / "p.pyz"),
        "--config",
        str(tmp_path / "site.json"),
        "--extension",
        str(ROOT / "extensions" / "pilot_example"),
    )
    done = subprocess.run(
        [sys.executable, str(folder / "pilot.pyz"), "-X", "CheckWorkerNode,SayHello"],
        cwd=str(tmp_path),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "pilot-report.json").read_text())["settings"]["site"] == {
        "value": "S",
        "source": "built-in defaults: Defaults",
    }


@pytest.mark.parametrize(
    "words, told",
    [
        (["moon", "-o", "x"], "invalid choice"),
        (["slurm"], "required"),
        (["slurm", "-o", "x", "--memory", "lots"], "is not a size"),
        (["slurm", "-o", "/dev/null/x"], "cannot be made"),
        (["slurm", "-o", "x", "--pilot", "/etc/hostname"], "is no zip form"),
        (["slurm", "-o", "x", "--pilot", "/no/file"], "cannot be read"),
        (["slurm", "-o", "x", "--count", "0"], "--count must be 1"),
        (["slurm", "-o", "x", "--config", "/no/file"], "cannot be read"),
        (["slurm", "-o", "x", "--queue", "Z\u00fcrich"], "ASCII characters"),
        (["slurm", "-o", "x", "--", "--site", "a\nb"], "control characters"),
    ],
)
def test_mistakes_are_a_sentence_and_exit_code_2(tmp_path, monkeypatch, capsys, words, told):
    monkeypatch.chdir(tmp_path)
    assert main(words) == 2
    assert told in capsys.readouterr().err


def test_every_world_makes_something_and_says_how_to_use_it(ship):
    for name in WORLDS:
        folder, said = ship(name, *(["--url", "http://web/pilot.pyz"] if name == "vac" else []))
        assert list(folder.iterdir())
        assert "Use it:" in said


@pytest.mark.parametrize(
    "words, told",
    [
        (
            ["--", "-X", "CheckWorkrNode"],
            "behind --: unknown command 'CheckWorkrNode' (did you mean CheckWorkerNode",
        ),
        (["--", "--pol", "x"], "behind --: unknown option --pol"),
        (["--cores", "0"], "--cores must be 1 or more"),
    ],
)
def test_what_no_pilot_will_understand_is_refused_before_it_travels(tmp_path, capsys, words, told):
    assert main(["slurm", "-o", str(tmp_path / "x")] + words) == 2
    assert told in capsys.readouterr().err
    assert not (tmp_path / "x").exists()


def test_a_folder_with_a_blank_can_be_pasted(tmp_path, capsys):
    assert main(["slurm", "-o", str(tmp_path / "my dir")]) == 0
    assert "cd '%s'" % (tmp_path / "my dir") in capsys.readouterr().out

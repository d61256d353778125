"""The command line of pilot.pool."""

import subprocess
import sys

import pytest

from pilot.ops.pool.__main__ import main
from tests.conftest import ROOT


@pytest.mark.parametrize(
    "words, code, told",
    [
        (["show", "URL", "nobody"], 2, "there is no task 'nobody'"),
        (["status", "sqlite:/no/file"], 2, "there is no such file"),
        (["retry", "URL"], 2, "name the tasks"),
        ([], 2, "which of add"),
        (["status", "ftp:x"], 2, "is not a pool"),
        (["cancel", "URL", "nobody"], 2, "there is no task 'nobody'"),
        (["retry", "URL", "nobody"], 2, "there is no task 'nobody'"),
        (["add", "URL", "/no/file"], 2, "cannot be read"),
        (["fly", "URL"], 2, "invalid choice"),
        (["add", "sqlite:/no/dir/p", "FILE"], 2, "cannot be opened"),
    ],
)
def test_mistakes_are_a_sentence_and_exit_code_2(filled, capsys, tmp_path, words, code, told):
    words = [
        filled if word == "URL" else str(tmp_path / "tasks.jsonl") if word == "FILE" else word
        for word in words
    ]
    assert main(words) == code
    assert told in capsys.readouterr().err


def test_it_runs_as_a_module(filled):
    done = subprocess.run(
        [sys.executable, "-m", "pilot.pool", "status", filled], cwd=str(ROOT), stdout=subprocess.PIPE
    )
    assert done.returncode == 0
    assert b"todo 2" in done.stdout


def test_a_reader_that_goes_away_is_no_traceback(filled):
    done = subprocess.run(
        [
            "bash",
            "-c",
            '"$0" -m pilot.pool export "$1" | true; exit ${PIPESTATUS[0]}',
            sys.executable,
            filled,
        ],
        cwd=str(ROOT),
        stderr=subprocess.PIPE,
    )
    assert b"Traceback" not in done.stderr

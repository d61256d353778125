"""Two pilots side by side: ours and what DIRAC's own was seen to do, and the command that tells."""

import json
import subprocess
import sys

import pytest

from tests.conftest import ROOT, extension
from tests.extensions.pilot_dirac.ops.command_lines import CASES, recording
from tests.extensions.pilot_dirac.ops.record_upstream import FACTS

differences = extension("pilot_dirac.ops.differences")
wanted = extension("pilot_dirac.ops.wanted")
UPSTREAM = json.loads(FACTS.read_text())["recordings"]


@pytest.fixture(scope="session")
def dirac_pilot(tmp_path_factory):
    """The file that a site gets."""
    path = tmp_path_factory.mktemp("made") / "dirac-pilot.py"
    words = ["--extension", "extensions/pilot_dirac", "--defaults", "extensions/pilot_dirac/defaults.json"]
    subprocess.check_call(
        [sys.executable, "-m", "pilot.bundle", "--text", "--lean", "-o", str(path)] + words,
        cwd=str(ROOT), stdout=subprocess.DEVNULL,
    )
    return str(path)


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_only_wanted_differences_from_diracs_pilot(dirac_pilot, tmp_path, name):
    ours = recording.record_pilot(dirac_pilot, CASES[name].words, str(tmp_path / "run"), CASES[name].site)
    found = differences.find_differences(recording.from_facts(UPSTREAM[name]), ours)
    assert [one.line() for one in found if wanted.find_rule(one) is None] == []


def test_there_are_facts_of_every_command_line():
    assert sorted(UPSTREAM) == sorted(CASES)
    assert "%d command lines" % len(CASES) in (ROOT / "docs" / "dirac.md").read_text()
    assert sum(1 for one in UPSTREAM.values() if len(one["calls"]) == 13) > 60


# a pilot that starts one program by the script of its client
TWO = """
import os, subprocess, sys
script = sys.argv[sys.argv.index("--preinstalledEnv") + 1]
words = ["-o", "/LocalSite/Who=%s", "-o", "/LocalSite/Given=" + os.environ.get("GIVEN", "")]
words += ["-o", "/LocalSite/Power=" + os.environ["PILOT_CPU_POWER"], "-O", "pilot.cfg"]
subprocess.call(["bash", "-c", '. "$0"; exec "$@"', script, "dirac-configure"] + words)
sys.exit(%d)
"""


@pytest.fixture
def compare(tmp_path):
    """Runs the command with two pilots that these texts make."""

    def run(*words, old="old", new="new", code=0):
        for place, text, end in (("a", old, 0), ("b", new, code)):
            (tmp_path / place).write_text(TWO % (text, end))
        return subprocess.run(
            [sys.executable, "-m", "pilot_dirac.compare", str(tmp_path / "a"), str(tmp_path / "b")]
            + list(words),
            cwd=str(ROOT / "extensions"), env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )

    return run


def test_two_equal_pilots_have_no_differences(compare):
    done = compare("--", "-N", "ce.test", new="old")
    assert done.stdout.decode().splitlines()[-1] == "0 differences, and 0 wanted ones"
    assert done.returncode == 0


def test_a_difference_is_printed_and_is_the_exit_code(compare):
    done = compare("--")
    assert "DIFFERENT  pilot.cfg /LocalSite/Who: old -> new" in done.stdout.decode()
    assert done.returncode == 1


def test_a_pilot_that_fails_is_told_with_its_code(compare):
    done = compare("--", code=30)
    assert "new: exit code 30, 1 programs started" in done.stdout.decode()
    assert done.returncode == 1


def test_variables_and_files_are_for_both(compare, tmp_path):
    (tmp_path / "pilot.json").write_text("{}")
    kept = tmp_path / "kept"
    compare("--set", "GIVEN=x", "--with", str(tmp_path / "pilot.json"), "--keep", str(kept), "--")
    for one in ("old", "new"):
        assert (kept / one / "work" / "pilot.json").read_text() == "{}"
        text = (kept / one / "work" / "pilot.cfg").read_text()
        assert "Given = x" in text
        assert "Power = 20.0" in text


@pytest.mark.parametrize(
    "words, sentence",
    [
        (["--set", "x"], "--set x: is not NAME=VALUE"),
        (["--with", "/no/such"], "--with /no/such: cannot be read"),
    ],
)
def test_bad_words_are_told_in_a_sentence(compare, words, sentence):
    done = compare(*words)
    assert sentence in done.stderr.decode()
    assert done.returncode == 2


def test_a_folder_without_a_pilot_is_told(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "pilot_dirac.compare", str(tmp_path), str(tmp_path)],
        cwd=str(ROOT / "extensions"), env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
        stderr=subprocess.PIPE,
    )
    assert "there is no dirac-pilot.py in this folder" in done.stderr.decode()
    assert done.returncode == 2

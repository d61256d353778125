"""Our DB12 score against the official program's, from PyPI, on this machine in the same minute."""

import json
import subprocess
import sys
import venv

import pytest

from pilot.node import db12

OFFICIAL = "import json; from db12.benchmark import multiple_dirac_benchmark as b; print(json.dumps(b(copies=%d, correction=False)['raw']))"


@pytest.fixture(scope="module")
def official(tmp_path_factory):
    """An interpreter that has DB12 (GPL: used here, never copied)."""
    folder = tmp_path_factory.mktemp("db12")
    venv.create(str(folder), with_pip=True)
    python = str(folder / "bin" / "python")
    done = subprocess.run([python, "-m", "pip", "install", "-q", "DB12"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode:
        pytest.skip("DB12 cannot be installed: %s" % done.stdout.decode().strip()[-200:])
    return python


@pytest.mark.parametrize("copies", [1, 2])
def test_scores_agree_with_the_official_program(official, copies):
    def theirs():
        return min(json.loads(subprocess.check_output([official, "-W", "ignore", "-c", OFFICIAL % copies], stderr=subprocess.DEVNULL).decode()))

    pairs = [(db12.measure(copies, 1.0, 300).power, theirs()) for _ in range(2)]
    print(sys.version.split()[0], copies, pairs)
    assert any(0.9 < ours / other < 1.1 for ours, other in pairs), pairs

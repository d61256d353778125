"""Our DB12 score against the official program's, from PyPI, on this machine in the same minute, on
three Pythons."""

import glob
import json
import os
import subprocess

import pytest

from pilot.node import db12, hardware

OFFICIAL = """import json
from db12.benchmark import multiple_dirac_benchmark as b
print(json.dumps([b(copies=%d, correction=wanted)["raw"] for wanted in (False, True)]))"""


@pytest.fixture(
    scope="module",
    params=[("3.9", 1), ("3.11", 2), ("3.13", 1)],
    ids=lambda param: "Python %s, copies: %d" % param,
)
def official(request, tmp_path_factory):
    """(version, copies, an interpreter of this version that has DB12: GPL, used here, never
    copied)."""
    version, copies = request.param
    found = sorted(glob.glob(os.path.expanduser("~/.pyenv/versions/%s.*/bin/python" % version)))
    if not found:
        pytest.skip("there is no Python %s in ~/.pyenv" % version)
    folder = tmp_path_factory.mktemp("db12")
    python = str(folder / "bin" / "python")
    for argv in (
        [found[-1], "-m", "venv", str(folder)],
        [python, "-m", "pip", "install", "-q", "DB12"],
    ):
        done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if done.returncode:
            pytest.skip("DB12 cannot be installed: %s" % done.stdout.decode().strip()[-200:])
    return version, copies, python


def test_scores_agree_with_the_official_programs(official):
    """Raw with raw, and corrected as the official program's default: for Python 3.9 it has factors,
    for the others none."""
    version, copies, python = official
    factor = (
        db12.factor(version, hardware.parse_cpuinfo(hardware.read_text("/proc/cpuinfo")).model)
        or 1.0
    )

    def theirs():
        said = subprocess.check_output(
            [python, "-W", "ignore", "-c", OFFICIAL % copies], stderr=subprocess.DEVNULL
        ).decode()
        return [min(scores) for scores in json.loads(said)]

    best = [0.0, 0.0, 0.0]
    for _ in range(4):  # other work on the machine makes scores lower, never higher
        ours = db12.measure(copies, 1.0, 300, python)
        assert ours.python == version
        best = [max(pair) for pair in zip(best, [ours.power] + theirs())]
        ratios = (best[0] / best[1], best[0] * factor / best[2])
        print(version, copies, best, ratios)
        if all(0.9 < ratio < 1.1 for ratio in ratios):
            break
    assert all(0.9 < ratio < 1.1 for ratio in ratios), best

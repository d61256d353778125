"""Times and medians, side by side: the parts that every benchmark here shares."""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from typing import Callable, Dict, List, Sequence

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
ENVIRON: Dict[str, str] = dict(os.environ, PYTHONPATH=ROOT)


def seconds(argv: Sequence[str], cwd: str, ok: Sequence[int] = (0,)) -> float:
    """How long a program takes; it must end with one of these codes."""
    began = time.perf_counter()
    done = subprocess.run(
        list(argv), cwd=cwd, env=ENVIRON, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    spent = time.perf_counter() - began
    if done.returncode not in ok:
        raise SystemExit(
            "%s ended with %d:\n%s"
            % (" ".join(argv), done.returncode, done.stdout.decode()[-2000:])
        )
    return spent


def paired(one: Callable[[], float], other: Callable[[], float], rounds: int) -> List[List[float]]:
    """Both in turn, so that a machine whose speed drifts is fair to both; a first round does not
    count."""
    one(), other()
    return [[one(), other()] for _ in range(rounds)]


def tell(name: str, pairs: List[List[float]], unit: str, limit: str) -> None:
    """One line: both medians, the median of the ratios, what is aimed at."""
    ratio = statistics.median(a / b for a, b in pairs)
    print(
        "%s: %.4g %s against %.4g %s: ratio %.2f (%s)"
        % (
            name,
            statistics.median(a for a, _ in pairs),
            unit,
            statistics.median(b for _, b in pairs),
            unit,
            ratio,
            limit,
        )
    )


def single_file(folder: str) -> str:
    """The zip form of this checkout."""
    path = os.path.join(folder, "pilot.pyz")
    subprocess.run(
        [sys.executable, "-m", "pilot.bundle", "-o", path],
        cwd=ROOT,
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return path


def scratch() -> "tempfile.TemporaryDirectory[str]":
    """A folder that goes away."""
    return tempfile.TemporaryDirectory(prefix="pilot-benchmark-")

"""The DB12 benchmark: measures how fast a processor generates normally distributed random numbers.

Algorithm and scale are those of DIRACGrid/DB12 1.0.4: 12,500,000 calls of random.normalvariate(10,
1), summed as ints and floats with their squares, are 250 HS06 seconds. The raw score is 250 x
iterations / CPU seconds, not rounded, as in dirac-wms-cpu-normalization. The official program
multiplies it by a factor for some pairs of Python and processor. A first round for warm-up does not
count; here it is a fifth of a round, because its length does not change the score.
"""

import json
from typing import Dict, List, NamedTuple, Optional, Tuple

from pilot.base import process
from pilot.base.python import interpreter

CALLS = 12500000
HS06_SECONDS = 250.0
WARM_UP = 0.2
FAST = 0.05  # the part of a round for the approximate form

# DB12 1.0.4, factors.json: newer Pythons are faster than the one that HS06 was compared with
FACTORS = {("3.9", "Intel"): 0.86, ("3.9", "AMD"): 0.71}

# argv: copies, calls, warm-up calls. One forked process per copy, all at the same time, so that
# each runs on a busy node.
_CODE = """
import ctypes, json, os, random, sys

def rounds(calls):
    normal = random.normalvariate
    m = 0
    m2 = 0
    p = 0.0
    p2 = 0.0
    for _ in range(calls):
        t = normal(10, 1)
        m += t
        m2 += t * t
        p += t
        p2 += t * t

def copy(out):
    if hasattr(ctypes.CDLL(None), "prctl"):
        ctypes.CDLL(None).prctl(1, 9, 0, 0, 0)  # die with our parent
    rounds(int(sys.argv[3]))
    began = sum(os.times()[:4])
    rounds(int(sys.argv[2]))
    os.write(out, ("%r\\n" % (sum(os.times()[:4]) - began)).encode())

out, into = os.pipe()
pids = []
for _ in range(int(sys.argv[1])):
    pid = os.fork()
    if pid == 0:
        copy(into)
        os._exit(0)
    pids.append(pid)
os.close(into)
bad = [pid for pid in pids if os.waitpid(pid, 0)[1]]
with os.fdopen(out) as stream:
    print(json.dumps(["%d.%d" % sys.version_info[:2], [float(line) for line in stream]]))
sys.exit(1 if bad else 0)
"""


class Score(NamedTuple):
    """The raw scores of all copies, sorted. `power` is the smallest, as in DIRAC; `python` is the
    version that ran the benchmark, for example 3.9."""

    power: float
    scores: Tuple[float, ...]
    python: str


def measure(
    copies: int,
    part: float,
    timeout_s: float,
    python: str = "",
    environ: Optional[Dict[str, str]] = None,
) -> Score:
    """Run `copies` processes at the same time, each with `part` of a round (1.0 is the benchmark,
    less is approximate), with our Python or with `python`: the score depends on processor and
    Python.

    Raises process.ProgramFailed if they do not end in time.
    """
    calls = max(1, int(CALLS * part))
    argv = [
        python or interpreter(),
        "-S",
        "-c",
        _CODE,
        str(copies),
        str(calls),
        str(int(calls * WARM_UP)),
    ]
    version, seconds = json.loads(process.run(argv, timeout_s=timeout_s, environ=environ).stdout)
    return score(seconds, part, version)


def factor(python: str, model: str) -> Optional[float]:
    """The factor of the official program for a raw score; None if it has no factor and does not
    change the score."""
    return next(
        (
            factor
            for (version, brand), factor in FACTORS.items()
            if version == python and model.startswith(brand)
        ),
        None,
    )


def score(cpu_seconds: List[float], part: float, python: str) -> Score:
    """The score from the CPU seconds of each copy. A copy too fast for the clock counts as one tick
    (10 ms)."""
    scores = tuple(sorted(HS06_SECONDS * part / max(spent, 0.01) for spent in cpu_seconds))
    return Score(scores[0], scores, python)

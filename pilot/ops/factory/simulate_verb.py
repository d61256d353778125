"""The verb simulate: what the policies of a file would do over a day."""

import argparse
import json
import logging
import tempfile
from typing import Any, List, NamedTuple

from pilot import values
from pilot.errors import UsageError
from pilot.ops.factory import backends, policy
from pilot.ops.factory.config import Farm, read_farm
from pilot.ops.factory.fake import Load
from pilot.ops.factory.simulation import Point, Simulation, Totals, spread_sites
from pilot.ops.factory.simulation_svg import draw_simulations

_LINE = "%-28s %7s %7s %9s %7s %7s %9s %8s %8s %6s"
_HEAD = ("policy", "done", "left", "wait s", "pilots", "failed", "queue s", "busy h", "idle h", "eff.")


class _Run(NamedTuple):
    name: str
    totals: Totals
    points: List[Point]


def add_verbs(verbs: Any) -> None:
    """Add this verb to the command line."""
    words = "the factory over a virtual time, with simulated batch systems (fake_* keys)"
    verb = verbs.add_parser("simulate", help=words, description=words)
    verb.add_argument("file", metavar="FILE")
    verb.add_argument("--hours", default="24", metavar="N")
    verb.add_argument("--seed", type=int, default=1, metavar="N")
    verb.add_argument("--tasks-per-h", default="60", metavar="N", help="tasks that arrive in an hour")
    verb.add_argument("--task-s", default="600", metavar="TIME", help="how long a task takes")
    verb.add_argument("--sites", default="0", metavar="N", help="so many copies of the file's sites")
    verb.add_argument(
        "--pilots", default="0", metavar="N", help="the sites' limits allow so many pilots in all"
    )
    verb.add_argument("--policy", action="append", metavar="CHAIN", help="compare these")
    verb.add_argument("--svg", metavar="FILE", help="draw demand, pending and running pilots")
    verb.add_argument("--json", action="store_true")
    verb.set_defaults(function=simulate)


def simulate(given: argparse.Namespace) -> int:
    """Simulate each policy with the same seed, and print a line for each."""
    farm = read_farm(given.file, backends.NAMES + (backends.FAKE,))
    try:
        hours = values.number(given.hours)
        load = Load(values.number(given.tasks_per_h), values.seconds(given.task_s))
        farm = spread_sites(farm, values.count(given.sites), values.count(given.pilots))
        chains = [(text, policy.parse_chain(text)) for text in given.policy or []]
    except ValueError as error:
        raise UsageError("simulate: %s" % error)
    cases = [("(the file's)", farm)] if not chains else [
        (text, farm._replace(sites=tuple(site._replace(policy=chain) for site in farm.sites)))
        for text, chain in chains
    ]
    runs = [_run(name, case, load, given.seed, hours) for name, case in cases]
    if given.svg:
        _write_picture(given.svg, runs)
    if given.json:
        shown = [dict(run.totals._asdict(), policy=run.name) for run in runs]
        print(json.dumps(shown, indent=1))
        return 0
    print(_LINE % _HEAD)
    for run in runs:
        print(_LINE % tuple(_columns(run.name, run.totals)))
    for run in runs:
        print("%s: %s" % (run.name, _describe_decisions(run.totals)))
    return 0


def _columns(name: str, totals: Totals) -> List[str]:
    return [
        name[:28], str(totals.done), str(totals.left), "%.0f" % totals.wait_s, str(totals.pilots),
        str(totals.failed + totals.lost), "%.0f" % totals.queue_s, "%.1f" % totals.busy_h,
        "%.1f" % totals.idle_h, "%.0f %%" % (100 * totals.efficiency),
    ]


def _describe_decisions(totals: Totals) -> str:
    """The decisions by kind, and the caps that were reached."""
    kinds = ", ".join("%d %s" % (count, name) for name, count in totals.decisions.items())
    caps = ", ".join("%s %d times" % pair for pair in totals.caps.items())
    return "decisions: %s; caps reached: %s" % (kinds or "none", caps or "none")


def _write_picture(path: str, runs: List[_Run]) -> None:
    try:
        with open(path, "w", encoding="utf-8") as stream:
            stream.write(draw_simulations([(run.name, run.points) for run in runs]))
    except OSError as error:
        raise UsageError("--svg %s: cannot be written: %s" % (path, error.strerror))


def _run(name: str, farm: Farm, load: Load, seed: int, hours: float) -> _Run:
    log = logging.getLogger("pilot.factory")
    level = log.level
    log.setLevel(logging.CRITICAL)  # a thousand decisions
    try:
        with tempfile.TemporaryDirectory() as folder:
            simulation = Simulation(farm, load, seed)
            return _Run(name, simulation.run(folder, hours), simulation.points)
    finally:
        log.setLevel(level)

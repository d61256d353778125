"""The verb simulate: what the policies of a file would do over a day."""

import argparse
import json
import logging
import tempfile
from typing import Any, List

from pilot import values
from pilot.errors import UsageError
from pilot.ops.factory import backends, policy
from pilot.ops.factory.config import Farm, read_farm
from pilot.ops.factory.simulation import Load, Simulation, Totals

_LINE = "%-28s %7s %7s %9s %7s %9s %8s %8s %6s"
_HEAD = ("policy", "done", "left", "wait s", "pilots", "queue s", "busy h", "idle h", "eff.")


def add_verbs(verbs: Any) -> None:
    """Add this verb to the command line."""
    words = "the factory over a virtual time, with simulated batch systems (fake_* keys)"
    verb = verbs.add_parser("simulate", help=words, description=words)
    verb.add_argument("file", metavar="FILE")
    verb.add_argument("--hours", default="24", metavar="N")
    verb.add_argument("--seed", type=int, default=1, metavar="N")
    verb.add_argument("--tasks-per-h", default="60", metavar="N", help="tasks that arrive in an hour")
    verb.add_argument("--task-s", default="600", metavar="TIME", help="how long a task takes")
    verb.add_argument("--policy", action="append", metavar="CHAIN", help="compare these")
    verb.add_argument("--json", action="store_true")
    verb.set_defaults(function=simulate)


def simulate(given: argparse.Namespace) -> int:
    """Simulate each policy with the same seed, and print a line for each."""
    farm = read_farm(given.file, backends.NAMES)
    try:
        hours = values.number(given.hours)
        load = Load(values.number(given.tasks_per_h), values.seconds(given.task_s))
        chains = [(text, policy.parse_chain(text)) for text in given.policy or []]
    except ValueError as error:
        raise UsageError("simulate: %s" % error)
    cases = [("(the file's)", farm)] if not chains else [
        (text, farm._replace(sites=tuple(site._replace(policy=chain) for site in farm.sites)))
        for text, chain in chains
    ]
    rows = [(name, _run(case, load, given.seed, hours)) for name, case in cases]
    if given.json:
        print(json.dumps([dict(totals._asdict(), policy=name) for name, totals in rows], indent=1))
        return 0
    print(_LINE % _HEAD)
    for name, totals in rows:
        print(_LINE % tuple(_columns(name, totals)))
    return 0


def _columns(name: str, totals: Totals) -> List[str]:
    return [
        name[:28], str(totals.done), str(totals.left), "%.0f" % totals.wait_s, str(totals.pilots),
        "%.0f" % totals.queue_s, "%.1f" % totals.busy_h, "%.1f" % totals.idle_h,
        "%.0f %%" % (100 * totals.efficiency),
    ]


def _run(farm: Farm, load: Load, seed: int, hours: float) -> Totals:
    log = logging.getLogger("pilot.factory")
    level = log.level
    log.setLevel(logging.CRITICAL)  # a thousand decisions
    try:
        with tempfile.TemporaryDirectory() as folder:
            return Simulation(farm, load, seed).run(farm, folder, hours)
    finally:
        log.setLevel(level)

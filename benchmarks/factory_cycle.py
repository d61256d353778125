"""A cycle of the factory with 10 sites and a million ended pilots in the book, against the same cycle
with an empty book; and with 1,000 sites. The batch system answers from memory."""

import logging
import os
import sqlite3
import sys
import time
from typing import Tuple

from measure import paired, scratch, tell

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))

from pilot.ops.factory.backends import make_backend  # noqa: E402
from pilot.ops.factory.backends.backend import Submission  # noqa: E402
from pilot.ops.factory.config import parse_farm  # noqa: E402
from pilot.ops.factory.fake import Load  # noqa: E402
from pilot.ops.factory.jobs import JobState  # noqa: E402
from pilot.ops.factory.simulation import Simulation, spread_sites  # noqa: E402
from tests.ops.factory.conftest import Factory, make_site  # noqa: E402

ENDED, LOCAL = 1000000, 300
FARM = "[factory]\npool = sqlite:x\n[site s]\nbackend = fake\nwalltime = 30m\n"


def make_factory(folder: str, sites: int, ended: int) -> Factory:
    """A factory with so many sites, and with ended pilots spread over them."""
    one = Factory(folder)
    one.sites = [make_site("s%d" % number) for number in range(sites)]
    one.cycle()
    with sqlite3.connect(os.path.join(folder, "book.sqlite")) as db:
        db.executemany(
            "INSERT INTO pilots (pilot, tag, number, site, job, state, submitted, started, ended, exit_code)"
            " VALUES (?, ?, 0, ?, '', 'ok', ?, ?, ?, 0)",
            (
                ("p%d" % number, "t%d" % (number // 10), "s%d" % (number % sites), 1.0, 2.0,
                 one.clock.unix - number % 500000)
                for number in range(ended)
            ),
        )
    return one


def cycle_s(factory: Factory) -> float:
    """Seconds of one cycle."""
    factory.want(5)
    began = time.perf_counter()
    factory.cycle()
    return time.perf_counter() - began


def local_rate(folder: str) -> float:
    """Submitted pilots per second that are processes of this machine and do nothing."""
    backend = make_backend("local", dict(os.environ), os.path.join(folder, "local"))
    at = os.path.join(folder, "submission")
    os.makedirs(at)
    with open(os.path.join(at, "noop.py"), "w") as stream:
        stream.write("pass\n")
    began = time.perf_counter()
    backend.submit(Submission("pabcdefghjkm", LOCAL, at, "noop.py"))
    rate = LOCAL / (time.perf_counter() - began)
    while any(job.state in (JobState.PENDING, JobState.RUNNING) for job in backend.list_jobs().jobs):
        time.sleep(0.1)
    return rate


def simulate_hours(folder: str, hours: float) -> Tuple[int, float]:
    """The pilots of so many virtual hours of a farm of 100 sites, and the seconds that they took."""
    farm = parse_farm(FARM, os.path.join(folder, "farm.ini"), ("fake",))
    simulation = Simulation(spread_sites(farm, 100, 5000), Load(25000.0, 600.0), 1)
    began = time.perf_counter()
    totals = simulation.run(os.path.join(folder, "simulated"), hours)
    return totals.pilots, time.perf_counter() - began


def main() -> None:
    """Prints the ratio and the seconds."""
    logging.disable(logging.CRITICAL)
    with scratch() as folder:
        full = make_factory(os.path.join(folder, "full"), 10, ENDED)
        empty = make_factory(os.path.join(folder, "empty"), 10, 0)
        tell(
            "factory, 10 sites and 1,000,000 ended pilots",
            paired(lambda: cycle_s(full), lambda: cycle_s(empty), 5),
            "s",
            "aimed at: below 1 s",
        )
        print("factory, local pilots submitted: %.0f per s (aimed at: 50)" % local_rate(folder))
        pilots, seconds = simulate_hours(folder, 2.0)
        print("factory, simulated: %d pilots in %.1f s, 100,000 in %.0f s (aimed at: 300)" % (
            pilots, seconds, 100000 * seconds / pilots))
        many = make_factory(os.path.join(folder, "many"), 1000, 0)
        print("factory, 1,000 sites: %.2f s (aimed at: below 10 s)" % cycle_s(many))


if __name__ == "__main__":
    main()

"""Runs the factory's real cycles, policies, guards and book over a simulated world."""

import re
from collections import Counter
from typing import Dict, List, NamedTuple, Sequence, Tuple

from pilot.ops.factory.backends.backend import Submission
from pilot.ops.factory.book import Book
from pilot.ops.factory.config import Farm, Site
from pilot.ops.factory.cycle import Access, run_cycle
from pilot.ops.factory.decisions import SiteReport
from pilot.ops.factory.fake import FakeSystem, FakeWorld, Load
from pilot.ops.factory.reporting import state_word
from pilot.ops.factory.submission import PilotFiles
from pilot.pool.interface import Demand, Need

CAPS = ("max_pending", "max_running", "max_total", "max_per_cycle", "rate_per_min")
POOL = "simulated"


class Point(NamedTuple):
    """The world after a cycle: waiting tasks, pending and running pilots."""

    at_s: float
    demand: int
    pending: int
    running: int


class Totals(NamedTuple):
    """What a simulation measured. `wait_s` is the mean time from a task's arrival to its start,
    `queue_s` that of a pilot in the queue; hours are of cores; `decisions` counts cycles of sites by
    result, `caps` those in which a cap was reached."""

    done: int
    left: int
    wait_s: float
    pilots: int
    failed: int
    lost: int
    queue_s: float
    busy_h: float
    idle_h: float
    most_running: int
    decisions: Dict[str, int]
    caps: Dict[str, int]

    @property
    def efficiency(self) -> float:
        """The part of the pilots' time in which tasks ran."""
        total = self.busy_h + self.idle_h
        return self.busy_h / total if total else 0.0


class Simulation:
    """The factory of a file over virtual hours."""

    def __init__(self, farm: Farm, load: Load, seed: int) -> None:
        self.points: List[Point] = []
        self._world = FakeWorld(load, seed)
        self._systems = {
            "fake-" + site.name: FakeSystem(self._world, site) for site in farm.sites
        }
        self._farm = farm
        self._decisions: "Counter[str]" = Counter()
        self._caps: "Counter[str]" = Counter()

    def run(self, folder: str, hours: float) -> Totals:
        """Run the factory's cycles over so many virtual hours; the book is in this folder."""
        world, farm = self._world, self._farm
        book = Book(folder, world, durable=False)
        access = Access(
            self._systems.__getitem__, self._read_demand, lambda url, pilots, seconds: set(),
            lambda source: source.pilots, lambda site: None, _NoFiles(),
        )
        virtual = farm._replace(
            book=folder,
            sites=tuple(site._replace(backend="fake-" + site.name, pool=POOL) for site in farm.sites),
        )
        while world.now < hours * 3600.0:
            world.pass_time(farm.cycle_s)
            self._note_cycle(run_cycle(virtual, book, access))
        book.close()
        return self._totals()

    def _read_demand(self, url: str) -> Demand:
        """The tasks that wait, and who runs the others."""
        holders = dict(self._world.holders)
        task_s, locked = self._world.load.task_s, sum(holders.values())
        need = Need(1, 0, 0, task_s, (), False, len(self._world.waiting), 0, locked)
        return Demand([need], holders)

    def _note_cycle(self, reports: Sequence[SiteReport]) -> None:
        pilots = self._world.pilots
        self.points.append(
            Point(self._world.now, len(self._world.waiting), pilots.pending, pilots.running)
        )
        for report in reports:
            word = state_word(report)
            submits = "submit" if report.decision.submit else "wait"
            self._decisions[submits if word == "ok" else word] += 1
            for cap in CAPS:
                if re.search(r"\b%s \d" % cap, report.decision.line):
                    self._caps[cap] += 1

    def _totals(self) -> Totals:
        pilots, tasks = self._world.pilots, self._world.tasks
        slot_s = pilots.slot_s + sum(system.live_slot_s() for system in self._systems.values())
        return Totals(
            tasks.done, len(self._world.waiting), tasks.wait_s / max(1, tasks.started),
            pilots.submitted, pilots.failed, pilots.lost, pilots.queue_s / max(1, pilots.started),
            tasks.busy_s / 3600, max(0.0, slot_s - tasks.busy_s) / 3600, pilots.most_running,
            dict(sorted(self._decisions.items())), dict(sorted(self._caps.items())),
        )


class _NoFiles(PilotFiles):
    """Makes no files."""

    sha256 = ""

    def __init__(self) -> None:
        pass

    def write_submission(self, site: Site, tag: str, count: int, *how: object) -> Submission:
        """A submission without files."""
        return Submission(tag, count, "", "", site.cores)


def spread_sites(farm: Farm, sites: int, pilots: int) -> Farm:
    """The farm with so many sites, copies of the file's own, that may have so many pilots in all; 0: as
    the file has it."""
    chosen: Tuple[Site, ...] = farm.sites
    if sites:
        chosen = tuple(
            farm.sites[number % len(farm.sites)]._replace(
                name="%s-%d" % (farm.sites[number % len(farm.sites)].name, number)
            )
            for number in range(sites)
        )
    if pilots:
        share = max(1, pilots // len(chosen))
        chosen = tuple(
            site._replace(max_running=share, max_pending=max(1, share // 10), max_per_cycle=share)
            for site in chosen
        )
    return farm._replace(sites=chosen)

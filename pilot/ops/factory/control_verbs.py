"""Verbs that run and steer: run, once, stop, pause, resume, drain, cancel."""

import argparse
import logging
import os
import signal
import sys
import time
from typing import Any, Dict, List

from pilot import values
from pilot.errors import UsageError
from pilot.ops.factory import backends, daemon, supply
from pilot.ops.factory.book import Book, Pilot
from pilot.ops.factory.config import Farm, Site, read_farm
from pilot.ops.factory.in_force import read_in_force
from pilot.ops.factory.jobs import RUNNING, STUCK, WAITING, JobState, NoAnswer

ASK_FROM = 20  # ending more running pilots than this asks for --yes
STOP_S = 30.0
_GROUPS: Dict[str, Any] = {"pending": WAITING, "running": RUNNING, "held": STUCK}


def add_verbs(verbs: Any) -> None:
    """Add these verbs to the command line."""
    for name, function, words in (
        ("run", run_factory, "run cycles in the foreground until SIGTERM"),
        ("once", run_one_cycle, "run one cycle, for cron; does nothing while `run` runs"),
        ("stop", stop_factory, "end `run`; the pilots go on"),
    ):
        verb = verbs.add_parser(name, help=words, description=words)
        verb.add_argument("file", metavar="FILE")
        verb.set_defaults(function=function)
    for name, function, words in (
        ("pause", pause_sites, "submit nothing more"),
        ("resume", resume_sites, "submit again after pause or drain; forget back-off and quarantine"),
        ("drain", drain_sites, "submit nothing more and cancel pending pilots; running ones end by themselves"),
        ("cancel", cancel_pilots, "end pilots"),
    ):
        verb = verbs.add_parser(name, help=words, description=words)
        verb.add_argument("file", metavar="FILE")
        verb.add_argument("site", metavar="SITE", nargs="?", help="a site or a group (default: all)")
        if name == "cancel":
            verb.add_argument("--state", choices=sorted(_GROUPS), help="only pilots in this state")
            verb.add_argument("--older", metavar="AGE", default="0", help="submitted so long ago: 2d")
            verb.add_argument("--yes", action="store_true", help="also more than 20 running pilots")
        verb.set_defaults(function=function)


def _log_to_stderr() -> None:
    logging.basicConfig(
        stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)-7s %(message)s"
    )


def run_factory(given: argparse.Namespace) -> int:
    """The daemon, in the foreground."""
    _log_to_stderr()
    return daemon.Daemon(given.file).run()


def run_one_cycle(given: argparse.Namespace) -> int:
    """One cycle, unless the daemon runs."""
    _log_to_stderr()
    farm = read_farm(given.file, backends.NAMES)
    if daemon.run_once(farm) is None:
        print("process %s runs this factory: nothing to do" % daemon.read_lock(farm.book))
    return 0


def stop_factory(given: argparse.Namespace) -> int:
    """End the daemon and wait until it has ended."""
    farm = read_in_force(given.file)
    pid = daemon.read_lock(farm.book)
    if pid is None:
        print("no process runs this factory")
        return 0
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + STOP_S
    while daemon.read_lock(farm.book) == pid:
        if time.monotonic() > deadline:
            raise UsageError("process %d has not ended within %.0f s" % (pid, STOP_S))
        time.sleep(0.05)
    print("process %d has ended; the pilots go on" % pid)
    return 0


def _open_book(farm: Farm) -> Book:
    return Book(farm.book)


def _switch_sites(given: argparse.Namespace, word: str) -> List[Site]:
    farm = read_in_force(given.file)
    sites, book = farm.select(given.site), _open_book(farm)
    for site in sites:
        book.notes.switch(site.name, word)
        if not word:
            book.notes.begin_anew(site.name)
    book.close()
    return sites


def pause_sites(given: argparse.Namespace) -> int:
    """Submit nothing more to these sites."""
    for site in _switch_sites(given, "paused"):
        print("%s: paused" % site.name)
    return 0


def resume_sites(given: argparse.Namespace) -> int:
    """Submit to these sites again."""
    for site in _switch_sites(given, ""):
        print("%s: resumed" % site.name)
    return 0


def drain_sites(given: argparse.Namespace) -> int:
    """Submit nothing more; cancel what has not started."""
    sites = _switch_sites(given, "draining")
    farm = read_in_force(given.file)
    return _end_pilots(farm, sites, [pilot for pilot in _pilots_of(farm, sites) if _is_in(pilot, "pending") or _is_in(pilot, "held")])


def cancel_pilots(given: argparse.Namespace) -> int:
    """End pilots by their batch system."""
    farm = read_in_force(given.file)
    try:
        older_s = values.seconds(given.older)
    except ValueError as error:
        raise UsageError("--older: %s" % error)
    chosen = [
        pilot
        for pilot in _pilots_of(farm, farm.select(given.site))
        if (given.state is None or _is_in(pilot, given.state))
        and time.time() - pilot.submitted >= older_s
    ]
    running = sum(_is_in(pilot, "running") for pilot in chosen)
    if running > ASK_FROM and not given.yes:
        raise UsageError("this would end %d running pilots: give --yes as well" % running)
    return _end_pilots(farm, farm.select(given.site), chosen)


def _is_in(pilot: Pilot, group: str) -> bool:
    return JobState(pilot.state) in _GROUPS[group]


def _pilots_of(farm: Farm, sites: List[Site]) -> List[Pilot]:
    book, names = _open_book(farm), {site.name for site in sites}
    live = [pilot for pilot in book.live_pilots() if pilot.site in names]
    book.close()
    return live


def _end_pilots(farm: Farm, sites: List[Site], pilots: List[Pilot]) -> int:
    failed = 0
    for site in sites:
        chosen = [pilot for pilot in pilots if pilot.site == site.name]
        if not chosen:
            continue
        try:
            backend = backends.make_backend(site.backend, dict(os.environ), farm.book)
            backend.cancel([pilot.job for pilot in chosen])
            book = _open_book(farm)
            book.note_reason(chosen, supply.CANCELLED)
            book.close()
            print("%s: %d pilots cancelled" % (site.name, len(chosen)))
        except NoAnswer as error:
            sys.stderr.write("%s: %s\n" % (site.name, error))
            failed = 50
    counts = supply.count_pilots(pilots)
    print("in all %d pending, %d held, %d running" % (counts.pending, counts.held, counts.running))
    return failed

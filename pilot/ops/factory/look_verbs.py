"""Verbs that only look: check, dry-run, status, explain, outputs."""

import argparse
import json
import os
import sys
import time
from typing import Any, Dict, List

from pilot.base import log as logs
from pilot.errors import UsageError
from pilot.ops.factory import backends, cycle, daemon, outcome, supply
from pilot.ops.factory.book import Book, Pilot
from pilot.ops.factory.config import Farm, Site, read_farm
from pilot.ops.factory.in_force import read_in_force
from pilot.ops.factory.jobs import NoAnswer, SubmissionRefused
from pilot.ops.factory.submission import folder_of, new_tag, remove_folder

DAY_S = 86400.0
MOST_ENDED = 100000  # pilots of a site that `status` counts
SHOWN = 3  # reasons of failures, for each site
_COLUMNS = ("site", "state", "demand", "pending", "running", "held", "idle", "ended_well", "ended_badly",
            "decision")
_LINE = "%-16s %-12s %7s %7s %7s %5s %5s %5s %5s  %s"
_PILOT = "%-16s %-16s %-12s %-12s %4s  %s"
MOST_LISTED = 50
TAIL = 20  # lines of a pilot's output


def add_verbs(verbs: Any) -> None:
    """Add these verbs to the command line."""
    for name, function, words in (
        ("check", check_file, "check the file"),
        ("dry-run", dry_run, "ask the batch systems and the pools, and show the decisions; submit nothing"),
        ("status", show_status, "one line for each site"),
        ("explain", explain_site, "the last decisions for a site"),
        ("outputs", show_outputs, "what a pilot wrote"),
    ):
        verb = verbs.add_parser(name, help=words, description=words)
        verb.add_argument("file", metavar="FILE")
        if name == "dry-run":
            verb.add_argument("site", metavar="SITE", nargs="?", help="default: all sites")
        if name == "explain":
            verb.add_argument("site", metavar="SITE")
        if name == "outputs":
            verb.add_argument(
                "pilot", metavar="PILOT", nargs="?", default="",
                help="its id, its job's id, or the tag of its submission (default: list the last ones)",
            )
        if name != "outputs":
            verb.add_argument("--json", action="store_true")
        verb.set_defaults(function=function)


def check_file(given: argparse.Namespace) -> int:
    """Read the file; mistakes are errors."""
    farm = read_farm(given.file, backends.NAMES)
    sites = [site.name for site in farm.sites]
    print(json.dumps({"sites": sites}) if given.json else "%s: %d sites: %s" % (
        given.file, len(sites), ", ".join(sites)))
    return 0


def dry_run(given: argparse.Namespace) -> int:
    """What the next cycle would submit, by a question to each batch system."""
    farm = read_farm(given.file, backends.NAMES)
    chosen = farm.select(given.site)
    access, book = daemon.make_access(farm), Book(farm.book)
    shown: List[Dict[str, object]] = []
    code = 0
    for report in cycle.preview(farm, book, access):
        if report.site not in chosen:
            continue
        words, refused = check_site(farm, access, report.site)
        code = 2 if refused else code
        shown.append({"site": report.site.name, "decision": report.decision.line, "check": words})
    book.close()
    for row in shown if not given.json else []:
        print(logs.printable("%s\n  %s: %s" % (row["decision"], row["site"], row["check"])))
    if given.json:
        print(json.dumps(shown, indent=1))
    return code


def check_site(farm: Farm, access: cycle.Access, site: Site) -> "tuple[str, bool]":
    """The batch system's words about one pilot, and whether it refuses it."""
    backend, tag = access.backend(site.backend), new_tag(farm.book)
    submission = access.files.write_submission(
        site, tag, 1, farm.book, backend, None
    )
    try:
        return backend.check(submission), False
    except (SubmissionRefused, NoAnswer) as error:
        return "refused: %s" % error, True
    finally:
        remove_folder(farm.book, tag)


def show_status(given: argparse.Namespace) -> int:
    """The book's view; asks nobody."""
    farm = read_in_force(given.file)
    book = Book(farm.book)
    rows = [_site_row(book, site) for site in farm.sites]
    unmet = book.notes.unmet()
    book.close()
    pid = daemon.read_lock(farm.book)
    if given.json:
        print(json.dumps({"running": pid, "sites": rows, "unmet": unmet}, indent=1))
        return 0
    print("%s: %s" % (farm.name, "process %d runs it" % pid if pid else "no process runs it"))
    print(_LINE % ("site", "state", "demand", "pending", "running", "held", "idle", "well", "badly",
                   "last decision"))
    for row in rows:
        shown = tuple("-" if row[name] is None else row[name] for name in _COLUMNS)
        print(logs.printable(_LINE % shown))
    for row in rows:
        for one in row["failures"]:
            print(logs.printable("%s: %d pilots ended with %s; the last is %s" % (
                row["site"], one["pilots"], one["reason"], one["example"])))
    for sentence in unmet:
        print(logs.printable(sentence))
    return 0


def _site_row(book: Book, site: Site) -> Dict[str, Any]:
    """What `status` shows of a site."""
    counts = supply.count_pilots(book.live_pilots(site.name))
    ended = book.ended_pilots(site.name, DAY_S, MOST_ENDED)
    last = book.notes.decisions(site.name, 1)
    level = book.notes.last_level(site.name)
    return {
        "site": site.name, "state": state_of(book, site), "demand": level.demand,
        "pending": counts.pending, "running": counts.running, "held": counts.held,
        "idle": level.idle,
        "ended_well": sum(pilot.exit_code in (0, 60) for pilot in ended),
        "ended_badly": sum(map(outcome.is_bad_end, ended)),
        "decision": last[0]["line"] if last else "",
        "failures": [one._asdict() for one in outcome.count_failures(ended, SHOWN)],
    }


def state_of(book: Book, site: Site) -> str:
    """One word for the state of a site, from the book."""
    switched = book.notes.switches().get(site.name, "")
    if site.mode != "online":
        return site.mode
    return switched or book.notes.state(site.name)


def explain_site(given: argparse.Namespace) -> int:
    """The last decisions, one line each."""
    farm = read_in_force(given.file)
    site = farm.select(given.site)[0]
    book = Book(farm.book)
    decisions = book.notes.decisions(site.name, 20)
    book.close()
    if given.json:
        print(json.dumps(decisions, indent=1))
        return 0
    for one in decisions:
        moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(one["last"]))
        times = " (%d times)" % one["times"] if one["times"] > 1 else ""
        print(logs.printable("%s  %s%s" % (moment, one["line"], times)))
    return 0


def _list_pilots(pilots: List[Pilot], given: argparse.Namespace) -> int:
    """One line for each pilot, the last first. UsageError without any for this word."""
    if given.pilot and not pilots:
        raise UsageError("the book does not know the pilot %s; `pilot.factory outputs %s` lists the "
                         "last ones" % (given.pilot, given.file))
    print(_PILOT % ("pilot", "site", "job", "state", "code", "node"))
    for one in pilots:
        code = "" if one.exit_code is None else one.exit_code
        print(logs.printable(_PILOT % (one.pilot, one.site, one.job, one.state, code, one.node)))
    return 0


def show_outputs(given: argparse.Namespace) -> int:
    """Where a pilot's files are, and the last lines of its output."""
    farm = read_in_force(given.file)
    book = Book(farm.book)
    pilot = book.find_pilot(given.pilot)
    similar = book.find_similar(given.pilot, MOST_LISTED)
    book.close()
    if pilot is None and len(similar) == 1:
        pilot = similar[0]
    if pilot is None:
        return _list_pilots(similar, given)
    site = next((one for one in farm.sites if one.name == pilot.site), None)
    folder = folder_of(farm.book, pilot.tag)
    print("%s: job %s of site %s, %s" % (pilot.pilot, pilot.job, pilot.site, pilot.state))
    if site is None:
        return 0
    backend = backends.make_backend(site.backend, dict(os.environ), farm.book)
    for path in backend.output_files(folder, pilot.number):
        with open(path, encoding="utf-8", errors="replace") as stream:
            lines = stream.readlines()[-TAIL:]
        sys.stdout.write("== %s\n%s" % (path, "".join(logs.printable(line) for line in lines)))
    return 0

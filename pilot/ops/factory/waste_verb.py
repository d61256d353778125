"""The verb waste: what the pilots' slots were used for, by site and day."""

import argparse
import csv
import json
import sys
from typing import Any, List, Tuple

from pilot import values
from pilot.errors import UsageError
from pilot.ops.factory.book import Book
from pilot.ops.factory.in_force import read_in_force
from pilot.ops.factory.waste import Hours, Waste, sum_waste

NAMES = ("day", "site", "pilots") + tuple("%s_h" % name for name in Hours._fields) + ("efficiency",)
_HEADS = ("day", "site", "pilots", "asked", "queue", "allocated", "set-up", "well", "failed", "idle",
          "after last", "unreported", "efficiency")
_LINE = "%-10s %-16s" + " %10s" * 11


def add_verbs(verbs: Any) -> None:
    """Add this verb to the command line."""
    words = "hours asked for, in queues, allocated, and what they were used for, by site and day"
    verb = verbs.add_parser("waste", help=words, description=words)
    verb.add_argument("file", metavar="FILE")
    verb.add_argument("--days", default="7", metavar="N", help="how far back (default: 7)")
    verb.add_argument("--csv", action="store_true")
    verb.add_argument("--json", action="store_true")
    verb.set_defaults(function=show_waste)


def show_waste(given: argparse.Namespace) -> int:
    """A row for each day and site."""
    farm = read_in_force(given.file)
    try:
        days = values.number(given.days)
    except ValueError as error:
        raise UsageError("--days: %s" % error)
    book = Book(farm.book)
    rows = sum_waste(book.ended_spans(days * 86400.0))
    book.close()
    if given.json:
        print(json.dumps([dict(zip(NAMES, _fields(row))) for row in rows], indent=1))
    elif given.csv:
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(NAMES)
        writer.writerows(_fields(row) for row in rows)
    else:
        print(_LINE % _HEADS)
        for row in rows:
            print(_LINE % _columns(row))
    return 0


def _fields(row: Waste) -> List[object]:
    hours = [round(value, 4) for value in row.hours]
    return [row.day, row.site, row.pilots, *hours, round(row.hours.efficiency, 4)]


def _columns(row: Waste) -> Tuple[str, ...]:
    hours = tuple("%.2f h" % value for value in row.hours)
    share = "%.0f %%" % (100 * row.hours.efficiency)
    return (row.day, row.site[:16], "%d" % row.pilots) + hours + (share,)

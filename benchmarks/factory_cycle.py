"""A cycle of the factory with 10 sites and a million ended pilots in the book, against the same cycle
with an empty book; and with 1,000 sites. The batch system answers from memory."""

import logging
import os
import sqlite3
import sys
import time

from measure import paired, scratch, tell

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))

from tests.ops.factory.conftest import Factory, make_site  # noqa: E402

ENDED = 1000000


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
        many = make_factory(os.path.join(folder, "many"), 1000, 0)
        print("factory, 1,000 sites: %.2f s (aimed at: below 10 s)" % cycle_s(many))


if __name__ == "__main__":
    main()

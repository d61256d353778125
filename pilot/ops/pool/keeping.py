"""Verbs that keep a pool in good order: copies, what is forgotten, tokens that are taken back."""

import argparse
import re
from typing import Any

from pilot.errors import UsageError
from pilot.ops.pool import copies as sqlite_copies
from pilot.pool import interface, open_pool
from pilot.events.endings import TaskState

AT_ONCE = 1000
_AGE = re.compile(r"([0-9]+(?:\.[0-9]+)?)(s|m|h|d)\Z")
_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def add_verbs(verbs: Any, verb: Any) -> None:
    """To the command line of pilot.pool; `verb` adds one that takes a pool."""
    copy = verb(
        verbs,
        "backup",
        back_up,
        "copy a sqlite:FILE as it is at one moment into a new file, also while it is served",
    )
    copy.add_argument("file", metavar="FILE")
    back = verb(
        verbs,
        "restore",
        restore_copy,
        "put a copy in the place of a sqlite:FILE that nobody serves",
    )
    back.add_argument("file", metavar="FILE")
    back.add_argument(
        "--replace",
        action="store_true",
        help="also when there is a pool: it is gone then, with what lay beside it",
    )
    forget = verb(
        verbs, "purge", purge_ended, "forget tasks that ended long ago, with their attempts"
    )
    forget.add_argument(
        "--older-than",
        required=True,
        type=parse_age,
        metavar="AGE",
        help="since when nothing has changed: 90d, 36h, 600s",
    )
    forget.add_argument("--state", required=True, choices=[TaskState.DONE.value, TaskState.ERROR.value, TaskState.HELD.value])
    taken = verbs.add_parser(
        "withdraw",
        help="take back every token of one pilot; needs a token of a factory or an admin",
    )
    taken.add_argument("server", metavar="SERVER", help="http(s)://HOST:PORT")
    taken.add_argument("pilot", metavar="ID")
    taken.set_defaults(function=withdraw_token)


def parse_age(text: str) -> float:
    """Seconds of 90d, 36h, 15m or 600s."""
    found = _AGE.match(text)
    if found is None:
        raise argparse.ArgumentTypeError("%r is no age like 90d, 36h or 600s" % text)
    return float(found.group(1)) * _UNITS[found.group(2)]


def _file_of(pool: str) -> str:
    scheme, _, path = pool.partition(":")
    if scheme != "sqlite" or not path:
        raise UsageError("%r is no sqlite:FILE: where the file is, this is done" % pool)
    return path


def back_up(given: argparse.Namespace) -> int:
    """Says how large the copy is."""
    print("%s: %d bytes" % (given.file, sqlite_copies.copy_pool(_file_of(given.pool), given.file)))
    return 0


def restore_copy(given: argparse.Namespace) -> int:
    """Nothing in it is looked at: its leases are the next server's."""
    sqlite_copies.put_back(_file_of(given.pool), given.file, given.replace)
    print("restored")
    return 0


def purge_ended(given: argparse.Namespace) -> int:
    """A thousand at a time, so that nobody waits long."""
    total = 0
    with open_pool(given.pool) as pool:
        while True:
            count = pool.purge(given.state, given.older_than, AT_ONCE)
            total += count
            if count < AT_ONCE:
                break
    print("%d forgotten" % total)
    return 0


def withdraw_token(given: argparse.Namespace) -> int:
    """Its next request is refused."""
    from pilot.pool.client import HTTPPool

    pool = HTTPPool(given.server)
    try:
        pool.withdraw(given.pilot)
    except interface.StaleLease as error:  # 409: a server without tokens
        raise UsageError(str(error))
    finally:
        pool.close()
    print("withdrawn")
    return 0

"""Verbs that maintain a pool: backup, restore, purge."""

import argparse
import re

from pilot.errors import UsageError
from pilot.ops.pool import copies as sqlite_copies
from pilot.ops.pool.verbs import VerbTable
from pilot.pool import open_pool
from pilot.events.endings import TaskState

AT_ONCE = 1000
_AGE = re.compile(r"([0-9]+(?:\.[0-9]+)?)(s|m|h|d)\Z")
_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def add_maintenance_verbs(verbs: VerbTable) -> None:
    """Add these verbs to the command line."""
    copy = verbs.add_pool_verb(
        "backup",
        back_up,
        "copy a sqlite:FILE as it is at one moment into a new file, also while it is served",
    )
    copy.add_argument("file", metavar="FILE")
    back = verbs.add_pool_verb(
        "restore",
        restore_copy,
        "replace a sqlite:FILE that no server serves with a copy",
    )
    back.add_argument("file", metavar="FILE")
    back.add_argument(
        "--replace",
        action="store_true",
        help="also when there is a pool, which is deleted with the files beside it",
    )
    forget = verbs.add_pool_verb(
        "purge", purge_ended, "delete tasks that ended long ago, with their attempts"
    )
    forget.add_argument(
        "--older-than",
        required=True,
        type=parse_age,
        metavar="AGE",
        help="the time without a change: 90d, 36h, 600s",
    )
    forget.add_argument("--state", required=True, choices=[TaskState.DONE.value, TaskState.ERROR.value, TaskState.HELD.value])


def parse_age(text: str) -> float:
    """Return the seconds of an age such as 90d, 36h, 15m or 600s."""
    match = _AGE.match(text)
    if match is None:
        raise argparse.ArgumentTypeError("%r is no age like 90d, 36h or 600s" % text)
    return float(match.group(1)) * _UNITS[match.group(2)]


def _file_of(pool: str) -> str:
    scheme, _, path = pool.partition(":")
    if scheme != "sqlite" or not path:
        raise UsageError("%r is no sqlite:FILE: run this on the machine that has the file" % pool)
    return path


def back_up(given: argparse.Namespace) -> int:
    """Copy the pool and print the size of the copy."""
    print("%s: %d bytes" % (given.file, sqlite_copies.copy_pool(_file_of(given.pool), given.file)))
    return 0


def restore_copy(given: argparse.Namespace) -> int:
    """Restore the copy unchanged. The next server handles its leases."""
    sqlite_copies.put_back(_file_of(given.pool), given.file, given.replace)
    print("restored")
    return 0


def purge_ended(given: argparse.Namespace) -> int:
    """Delete AT_ONCE tasks per transaction, so that other clients wait only for a short time."""
    total = 0
    with open_pool(given.pool) as pool:
        while True:
            count = pool.purge(given.state, given.older_than, AT_ONCE)
            total += count
            if count < AT_ONCE:
                break
    print("%d forgotten" % total)
    return 0

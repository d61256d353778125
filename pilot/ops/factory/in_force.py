"""The file that a factory uses: while a changed one is wrong, the last right one stays in force, and
operators need their verbs."""

import logging
import os
import sys

from pilot.base.files import write_file
from pilot.errors import UsageError
from pilot.ops.factory import backends
from pilot.ops.factory.config import Farm, parse_farm, read_farm

NAME = "in-force.ini"  # in the book
log = logging.getLogger("pilot.factory")


def keep_file(farm: Farm) -> None:
    """Remember the file that is in force now. Without room for it the factory goes on."""
    try:
        with open(farm.path, "rb") as stream:
            text = stream.read()
        write_file(os.path.join(farm.book, NAME), text, 0o600)
    except OSError as error:
        log.warning("%s: no copy of the file could be kept: %s", farm.book, error)


def read_in_force(path: str) -> Farm:
    """The farm of this file; of the last right one, with a warning, if it is wrong now. UsageError if
    none was ever used."""
    try:
        return read_farm(path, backends.NAMES)
    except UsageError as error:
        try:
            with open(os.path.join(path + ".book", NAME), encoding="utf-8") as stream:
                farm = parse_farm(stream.read(), path, backends.NAMES)
        except (OSError, ValueError, UsageError):
            raise error
        for problem in error.problems:
            sys.stderr.write("%s; the file as it was before is in force\n" % problem)
        return farm

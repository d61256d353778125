"""Verbs that change the file: add, remove. Comments and the order of what is there are kept."""

import argparse
import os
import re
import shlex
import sys
from typing import Any, List

from pilot.base.files import write_file
from pilot.errors import UsageError
from pilot.ops.factory import backends, control_verbs, cycle, daemon, look_verbs
from pilot.ops.factory.book import Book
from pilot.ops.factory.config import SITE_KEYS, Site, parse_farm, read_farm
from pilot.ops.factory.source import POOL
from pilot.pool.interface import Busy

# options of `add`, in the order in which they are written
_OPTIONS = (
    "cores", "memory", "gpus", "walltime", "queue", "tags", "min_running", "max_running",
    "max_pending", "policy", "weight", "prefer", "groups", "mode", "idle_s",
)


def add_verbs(verbs: Any) -> None:
    """Add these verbs to the command line."""
    add = verbs.add_parser(
        "add", help="add a site; words after -- are for the submit command",
        description="Add a site to the file, which is made if it does not exist.",
    )
    add.add_argument("file", metavar="FILE")
    add.add_argument("backend", metavar="BACKEND", help=", ".join(backends.NAMES))
    add.add_argument("--site", metavar="NAME", help="its name (default: the backend's)")
    add.add_argument("--pool", metavar="URL", help="sqlite:FILE or a server's http(s)://HOST:PORT")
    add.add_argument("--pilot-options", metavar="WORDS", help="words for the pilot, as one text")
    for key in _OPTIONS:
        add.add_argument("--" + key.replace("_", "-"), metavar="VALUE", dest=key)
    add.add_argument(
        "--no-dry-run", action="store_true", help="do not ask the batch system first"
    )
    add.set_defaults(function=add_site)
    remove = verbs.add_parser("remove", help="drain a site and remove it from the file")
    remove.add_argument("file", metavar="FILE")
    remove.add_argument("site", metavar="SITE")
    remove.add_argument("--cancel", action="store_true", help="end its running pilots, too")
    remove.set_defaults(function=remove_site)


def add_site(given: argparse.Namespace) -> int:
    """Ask the batch system whether it takes such a pilot, then extend the file."""
    name = given.site or given.backend
    former = _read_text(given.file)
    if re.search(r"(?m)^\s*\[\s*site\s+%s\s*\]" % re.escape(name), former):
        raise UsageError("%s: has a site %s already; give another --site" % (given.file, name))
    text = former + ("\n" if former else _head(given)) + _section(given, name, former)
    farm = parse_farm(text, given.file, backends.NAMES)
    site = next(one for one in farm.sites if one.name == name)
    access = daemon.make_access(farm)
    if given.no_dry_run:
        print("%s: not asked whether it takes such a pilot (--no-dry-run)" % site.backend)
    else:
        words, refused = look_verbs.check_site(farm, access, site)
        if refused:
            raise UsageError("%s: %s; nothing was written" % (site.name, words))
        print("%s: a test, nothing was submitted: %s" % (site.name, words))
        if site.demand.kind == POOL:
            _check_pool(access, site)
    write_file(given.file, text.encode("utf-8"), 0o644)
    print("%s: site %s was added" % (given.file, name))
    book = Book(farm.book)
    for report in cycle.preview(farm, book, access):
        if report.site.name == name:
            print(report.decision.line)
    book.close()
    print("\nRun it:\n  python3 -m pilot.factory run %s" % shlex.quote(given.file))
    return 0


def _check_pool(access: cycle.Access, site: Site) -> None:
    try:
        access.read_demand(site.pool)
    except (Busy, UsageError) as error:
        raise UsageError(
            "%s: %s; nothing was written (--no-dry-run asks nobody)" % (site.name, error)
        )


def _read_text(path: str) -> str:
    try:
        with open(path, encoding="utf-8") as stream:
            text = stream.read()
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError("%s: cannot be read: %s" % (path, error))
    return text if text.endswith("\n") or not text else text + "\n"


def _head(given: argparse.Namespace) -> str:
    if not given.pool:
        raise UsageError("--pool is needed: %s does not exist yet" % given.file)
    return "[factory]\npool = %s\n\n" % _shown_pool(given)


def _shown_pool(given: argparse.Namespace) -> str:
    """The pool's URL; the path of a file counts from the INI file, and is written from the root."""
    url = str(given.pool)
    if url.startswith("sqlite:"):
        return "sqlite:" + os.path.abspath(url[len("sqlite:"):])
    return url


def _section(given: argparse.Namespace, name: str, former: str) -> str:
    lines = ["[site %s]" % name, "backend = %s" % given.backend]
    if given.pool and former:
        lines.append("pool = %s" % _shown_pool(given))
    lines += ["%s = %s" % (key, getattr(given, key)) for key in _OPTIONS if getattr(given, key)]
    if given.pilot_options:
        lines.append("pilot_options = %s" % given.pilot_options)
    if given.words:
        lines.append("options = %s" % " ".join(shlex.quote(word) for word in given.words))
    assert set(_OPTIONS) <= set(SITE_KEYS)
    return "\n".join(lines) + "\n"


def remove_site(given: argparse.Namespace) -> int:
    """Drain the site; once no pilot of it is left, take its section out of the file."""
    farm = read_farm(given.file, backends.NAMES)
    site = next((one for one in farm.sites if one.name == given.site), None)
    if site is None:
        raise UsageError("%s: there is no site %r" % (given.file, given.site))
    words = argparse.Namespace(file=given.file, site=site.name, state=None, older="0", yes=True)
    code = control_verbs.drain_sites(words)
    if given.cancel:
        code = code or control_verbs.cancel_pilots(words)
    book = Book(farm.book)
    left = book.live_pilots(site.name)
    book.close()
    if left and not given.cancel:
        sys.stdout.write(
            "%s: %d pilots have not ended; run this again when they have, or give --cancel\n"
            % (site.name, len(left))
        )
        return code
    write_file(given.file, _without_section(_read_text(given.file), site.name).encode(), 0o644)
    print("%s: site %s was removed" % (given.file, site.name))
    return code


def _without_section(text: str, name: str) -> str:
    kept: List[str] = []
    inside = False
    for line in text.splitlines(True):
        head = re.match(r"\s*\[([^\]]*)\]", line)
        if head:
            inside = head.group(1).split() == ["site", name]
        if not inside:
            kept.append(line)
    return "".join(kept)

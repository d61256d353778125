"""Opens the pool at a URL: a file, a server, or the task store of an extension."""

import importlib
import os
import re
from typing import Callable, Dict, Optional

from pilot.engine import program
from pilot.errors import UsageError
from pilot.pool.interface import Pool

Opener = Callable[[str, bool, Dict[str, str]], Pool]


def open_pool(
    url: str,
    create: bool = False,
    backoff_s: Optional[float] = None,
    environ: Optional[Dict[str, str]] = None,
) -> Pool:
    """The pool at a URL; UsageError for an unknown scheme or a file that does not exist.

    `create` makes a missing SQLite file; `backoff_s` sets the first delay before another attempt
    there; `environ` (default: ours) has the token of a server.
    """
    scheme, _, rest = url.partition(":")
    if scheme == "sqlite" and rest:
        from pilot.pool.sqlite import SQLitePool

        return SQLitePool(rest, create, backoff_s)
    if scheme in ("http", "https") and rest.startswith("//"):
        from pilot.pool.client import HTTPPool

        return HTTPPool(url, environ)
    values = dict(os.environ if environ is None else environ)
    return _find_opener(url, values)(url, create, values)


def check_url(url: str) -> None:
    """UsageError for a URL that neither the toolbox nor an extension can open; opens nothing."""
    scheme, _, rest = url.partition(":")
    if not (scheme == "sqlite" and rest or scheme in ("http", "https") and rest.startswith("//")):
        _find_opener(url, dict(os.environ))


def _find_opener(url: str, environ: Dict[str, str]) -> Opener:
    """POOLS["picas"] of pilot_picas opens picas:... and picas+https://...; the same holds for every
    extension that has a pool."""
    match = re.match(r"([a-z][a-z0-9]*)(\+[a-z]+)?:.", url + " ")
    if match is not None:
        from pilot.engine import search  # only for the pools of extensions

        search.opened(search.usual_roots(program.root(), os.getcwd(), environ))
        name = program.EXTENSION_PREFIX + match.group(1)
        try:
            pools: Dict[str, Opener] = getattr(importlib.import_module(name), "POOLS", {})
        except ImportError as error:
            if error.name != name:
                raise
            pools = {}
        if match.group(1) in pools:
            return pools[match.group(1)]
    shown = re.sub("//[^/@]*@", "//", url)
    raise UsageError(
        "%r is not a pool: use sqlite:FILE, https://HOST:PORT, or one of an extension's" % shown
    )

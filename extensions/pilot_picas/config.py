"""picasconfig.py: the file in which PiCaS users write the address of their database."""

import json
import os
import runpy
from typing import Dict
from urllib.parse import quote, urlencode, urlsplit

from pilot.errors import UsageError


def url_of(path: str) -> str:
    """The database's URL with user and password: PICAS_HOST_URL, PICAS_DATABASE, PICAS_USERNAME and
    PICAS_PASSWORD of this file. The file is executed, because the picas client does this, too.
    UsageError with a sentence."""
    if not os.path.isfile(path):
        raise UsageError("%s: there is no such picasconfig.py" % path)
    try:
        names = runpy.run_path(path)
    except Exception as error:
        raise UsageError("%s: cannot be run: %s: %s" % (path, type(error).__name__, error))
    missing = [name for name in ("PICAS_HOST_URL", "PICAS_DATABASE") if not names.get(name)]
    if missing:
        raise UsageError("%s: does not set %s" % (path, " and ".join(missing)))
    parts = urlsplit(str(names["PICAS_HOST_URL"]))
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise UsageError("%s: PICAS_HOST_URL is no http(s)://HOST:PORT" % path)
    user = ""
    if names.get("PICAS_USERNAME"):
        user = "%s:%s@" % (
            quote(str(names["PICAS_USERNAME"]), safe=""),
            quote(str(names.get("PICAS_PASSWORD") or ""), safe=""),
        )
    return "%s://%s%s/%s" % (
        parts.scheme,
        user,
        parts.netloc.rpartition("@")[2],
        quote(str(names["PICAS_DATABASE"]), safe=""),
    )


def query_string(options: Dict[str, object]) -> str:
    """The options of a view as the rest of a query."""
    return (
        "&" + urlencode({key: json.dumps(value) for key, value in options.items()})
        if options
        else ""
    )

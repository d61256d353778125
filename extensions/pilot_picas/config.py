"""picasconfig.py: where PiCaS users keep their database's address and password."""

import json
import os
import runpy
from typing import Any, Dict
from urllib.parse import quote, urlencode, urlsplit

from pilot.errors import UsageError


def url_of(path: str) -> str:
    """The database's URL, with user and password, as PICAS_HOST_URL, PICAS_DATABASE, PICAS_USERNAME
    and PICAS_PASSWORD in this file say. The file is run, as the picas client does it. UsageError
    with a sentence."""
    if not os.path.isfile(path):
        raise UsageError("%s: there is no such picasconfig.py" % path)
    try:
        found = runpy.run_path(path)
    except Exception as error:
        raise UsageError("%s: cannot be run: %s: %s" % (path, type(error).__name__, error))
    missing = [name for name in ("PICAS_HOST_URL", "PICAS_DATABASE") if not found.get(name)]
    if missing:
        raise UsageError("%s: does not set %s" % (path, " and ".join(missing)))
    parts = urlsplit(str(found["PICAS_HOST_URL"]))
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise UsageError("%s: PICAS_HOST_URL is no http(s)://HOST:PORT" % path)
    user = ""
    if found.get("PICAS_USERNAME"):
        user = "%s:%s@" % (
            quote(str(found["PICAS_USERNAME"]), safe=""),
            quote(str(found.get("PICAS_PASSWORD") or ""), safe=""),
        )
    return "%s://%s%s/%s" % (
        parts.scheme,
        user,
        parts.netloc.rpartition("@")[2],
        quote(str(found["PICAS_DATABASE"]), safe=""),
    )


def query_string(options: Dict[str, Any]) -> str:
    """Options of a view as the rest of a query."""
    return (
        "&" + urlencode({key: json.dumps(value) for key, value in options.items()})
        if options
        else ""
    )

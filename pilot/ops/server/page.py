"""The web page: a few files beside this module, each read once. The page gets its data from the
API."""

import os
import pkgutil
from typing import Dict, Optional, Tuple

from pilot.ops.server.wire import Answer, Head

FILES: Dict[Tuple[str, ...], Tuple[str, str]] = {
    (): ("index.html", "text/html; charset=utf-8"),
    ("page.css",): ("page.css", "text/css; charset=utf-8"),
    ("page.js",): ("page.js", "text/javascript; charset=utf-8"),
    ("views.js",): ("views.js", "text/javascript; charset=utf-8"),
    ("draw.js",): ("draw.js", "text/javascript; charset=utf-8"),
}
# The page shows texts that pilots and payloads send. If it inserted such a text as markup by
# mistake, these headers would prevent the markup from running code or sending data elsewhere.
GUARDS = (
    "Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'\r\n"
    "Referrer-Policy: no-referrer\r\nX-Frame-Options: DENY\r\nCross-Origin-Opener-Policy: same-origin\r\nCache-Control: no-cache\r\n"
)
_cache: Dict[str, bytes] = {}


def page_answer(head: Head) -> Optional[Answer]:
    """Return the file at this address, or None."""
    file = FILES.get(head.path) if head.method in ("GET", "HEAD") else None
    if file is None:
        return None
    name, kind = file
    if name not in _cache:
        _cache[name] = pkgutil.get_data("pilot.ops.server", os.path.join("web", name)) or b""
    return Answer(200, _cache[name], kind, GUARDS)

"""The web page: a few files of ours beside this module, read once. All it shows it asks the API
for."""

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
# Whatever a pilot or payload says is text to the page; should one ever be markup, these let nothing
# of it run or leave.
GUARDS = (
    "Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'\r\n"
    "Referrer-Policy: no-referrer\r\nX-Frame-Options: DENY\r\nCross-Origin-Opener-Policy: same-origin\r\nCache-Control: no-cache\r\n"
)
_kept: Dict[str, bytes] = {}


def page_answer(head: Head) -> Optional[Answer]:
    """The file at this address, or None."""
    found = FILES.get(head.path) if head.method in ("GET", "HEAD") else None
    if found is None:
        return None
    name, kind = found
    if name not in _kept:
        _kept[name] = pkgutil.get_data("pilot.ops.server", os.path.join("web", name)) or b""
    return Answer(200, _kept[name], kind, GUARDS)

"""Uploads files as a stream, without loading them into memory."""

import os
from typing import TYPE_CHECKING, Dict, Optional

from pilot.base.fetch import ATTEMPTS, MAX_TEXT, HTTPRequest, read_once, with_retries

if TYPE_CHECKING:
    import ssl


def upload_file(
    url: str,
    path: str,
    timeout_s: float,
    attempts: int = ATTEMPTS,
    context: "Optional[ssl.SSLContext]" = None,
    headers: Optional[Dict[str, str]] = None,
) -> None:
    """Upload a file to a URL with PUT. Raises FetchFailed."""

    def once() -> None:
        with open(path, "rb") as stream:
            about = {
                "Content-Length": str(os.path.getsize(path)),
                "Content-Type": "application/octet-stream",
            }
            words = dict(headers or {}, **about)
            request = HTTPRequest(url, timeout_s, words, context, MAX_TEXT, stream, "PUT")
            read_once(request, lambda data: None, lambda: None)

    with_retries(attempts, once)

"""Writes events as JSON lines to a file."""

import json
import os

from pilot.events.event import Event


class FileSink:
    """Appends each event as one line, in a single write."""

    def __init__(self, path: str, mode: int = 0o600) -> None:
        self._descriptor = os.open(
            path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, mode
        )

    def __call__(self, event: Event) -> None:
        os.write(self._descriptor, (json.dumps(event) + "\n").encode())

"""Keeps the CPU score of a node in a file, so that the next pilot on it does not measure again."""

import json
import os
import socket
import sys
import tempfile
import time
from typing import Dict, Optional

from pilot.base.files import write_file
from pilot.node import hardware
from pilot.node.db12 import Score

CACHE_DAYS = 7


def identity(model: str, copies: int, fast: bool, python: str = "") -> Dict[str, object]:
    """What a score is valid for: this host since its last boot, its processor, the Python version,
    and the parameters of the measurement."""
    return {
        "host": socket.gethostname(),
        "boot": hardware.read_text("/proc/sys/kernel/random/boot_id").strip(),
        "model": model,
        "python": python or sys.version.split()[0],
        "copies": copies,
        "fast": fast,
    }


class Cache:
    """The score in a file of this user. A file that other users could have written is ignored."""

    def __init__(self, path: Optional[str], owner: Dict[str, object], environ: Dict[str, str]) -> None:
        folder = environ.get("TMPDIR") or tempfile.gettempdir()
        self._path = path or os.path.join(folder, "pilot-cpu-power-%d.json" % os.getuid())
        self._owner, self._off = owner, path == "off"

    def read_score(self) -> Optional[Score]:
        """The score; None if there is none for this node, or it is too old."""
        if self._off:
            return None
        try:
            with open(os.open(self._path, os.O_RDONLY | os.O_NOFOLLOW), encoding="utf-8") as stream:
                state = os.fstat(stream.fileno())
                kept = json.load(stream)
            fresh = 0 <= time.time() - kept["measured"] < CACHE_DAYS * 86400
            mine = state.st_uid == os.getuid() and not state.st_mode & 0o022
            scores = tuple(float(one) for one in kept["scores"])
            return (
                Score(scores[0], scores, str(kept["python"]))
                if fresh and mine and kept["owner"] == self._owner
                else None
            )
        except (OSError, ValueError, KeyError, TypeError, IndexError):
            return None

    def write_score(self, score: Score) -> None:
        """Store the score. If that fails, the next pilot measures again."""
        if self._off:
            return
        kept = {
            "owner": self._owner,
            "scores": score.scores,
            "python": score.python,
            "measured": time.time(),
        }
        try:
            write_file(self._path, json.dumps(kept).encode())
        except OSError:
            pass

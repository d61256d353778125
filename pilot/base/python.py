"""The Python that runs us."""

import os
import sys


def interpreter() -> str:
    """Its path, also where sys.executable is empty (no PATH)."""
    return sys.executable or os.path.realpath("/proc/self/exe")

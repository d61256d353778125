"""The Python interpreter that runs the pilot."""

import os
import sys


def interpreter() -> str:
    """The path of the interpreter, even if sys.executable is empty (no PATH)."""
    return sys.executable or os.path.realpath("/proc/self/exe")

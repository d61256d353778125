"""The wrapper as a process of its own."""

import os
import subprocess
import sys

from tests.conftest import ROOT

WRAPPER = str(ROOT / "extensions" / "pilot_dirac" / "wrapper.py")


def fly(tmp_path, *words, **environ):
    """(code, standard output, standard error) of the wrapper with these words."""
    done = subprocess.run(
        [sys.executable, WRAPPER] + [str(word) for word in words],
        cwd=str(tmp_path),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=dict(os.environ, **environ),
    )
    return done.returncode, done.stdout.decode(), done.stderr.decode()

"""The agent as a program."""

import subprocess
import sys

from tests.conftest import ROOT


def test_the_agents_orders_are_checked(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "pilot.agent"], cwd=str(ROOT), stderr=subprocess.PIPE
    )
    assert done.returncode != 0
    assert b"usage" in done.stderr

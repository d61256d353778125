"""Which Python runs us, also where it does not know itself."""

import os
import subprocess
import sys

from pilot.base.python import interpreter
from tests.conftest import ROOT


def test_it_is_the_one_that_runs_us():
    assert os.path.samefile(interpreter(), sys.executable)


def test_an_interpreter_that_does_not_know_its_path_is_found_all_the_same():
    code = (
        "import sys; sys.path.insert(0, %r); sys.executable = ''\n"
        "from pilot.base.python import interpreter\nprint(interpreter())" % str(ROOT)
    )
    found = subprocess.check_output([sys.executable, "-c", code]).decode().strip()
    told = subprocess.check_output([found, "-c", "import sys; print(sys.version)"])
    assert told.decode().strip() == sys.version

"""A DIRAC client of small programs: each writes down what it received, and prints what DIRAC 9.1.22's
program prints. A pilot runs with it as with a client, without any server."""

import json
import os
import shutil
import sys
from typing import Any, Dict, List, NamedTuple

from . import client_program

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
ANSWERS: Dict[str, Dict[str, Any]] = {
    "dirac-version": {"out": "9.1.22\n"},
    "dirac-configure": {},
    "dirac-admin-add-pilot": {},
    "dirac-resource-get-parameters": {
        "out": "Running without remote configuration\n"
        '{"CEType": "HTCondorCE", "MaxRAM": "2048", "Tag": ["GPU", "MyTag"], "maxCPUTime": "120", '
        '"RequiredTag": ["special"], "NumberOfProcessors": "2", "Queue": "q1"}\n'
    },
    "dirac-wms-get-wn-parameters": {"out": "Getting number of processors\n2 0 0\n"},
    "dirac-platform": {"out": "Linux_x86_64_glibc-2.36\n"},
    "dirac-architecture": {"out": "x86_64-el9\n"},
    "dirac-wms-cpu-normalization": {
        "out": "Estimated CPU power is %s HS06\n" % client_program.POWER
    },
    "dirac-wms-get-queue-cpu-time": {
        "out": "Batch system information not available\nCPU time left determined as 7200\n"
    },
    "dirac-agent": {
        "out": "JobAgent INFO: Job being submitted (DIRAC JobID: 7; Task ID: 0)\n"
        "JobAgent INFO: No more agent modules to execute. Exiting\n"
    },
}
_STARTER = """#!%s
import runpy, sys
sys.path.insert(0, %r)
sys.argv.insert(1, __file__)  # run_path replaces the first
runpy.run_path(%r, run_name="__main__")
"""


class Call(NamedTuple):
    """One start of a program."""

    program: str
    words: List[str]
    folder: str
    environ: Dict[str, str]


class Client:
    """A client in a new folder: `env` is the script that makes it usable, as diracosrc does. With
    `rc`, the script of a real client, its programs run after they were recorded."""

    def __init__(self, folder: str, rc: str = "") -> None:
        self.folder, self.bin = folder, os.path.join(folder, "bin")
        self.env = os.path.join(folder, "diracosrc")
        self._rc = rc
        os.makedirs(self.bin)
        for name in ANSWERS:
            self.add_program(name)
        with open(self.env, "w") as stream:
            stream.write('export PATH="%s:$PATH"\nexport DIRAC="%s"\n' % (self.bin, folder))
        self.write_answers(ANSWERS)

    def make_shared(self) -> str:
        """A folder as a repository of CVMFS: this client, in two releases, and certificates."""
        place = os.path.join(self.folder, "cvmfs")
        for name in ("certificates", "vomsdir", "vomses"):
            path = os.path.join(place, "etc", "grid-security", name)
            os.makedirs(path)
            with open(os.path.join(path, "file"), "w") as stream:
                stream.write("x")
        for release in ("pro", "9.1.22"):
            installed = os.path.join(place, "dirac", release, "Linux-" + os.uname().machine)
            os.makedirs(installed)
            shutil.copy(self.env, installed)
        return place

    def add_program(self, name: str) -> None:
        """A further program of this name."""
        path = os.path.join(self.bin, name)
        with open(path, "w") as stream:
            stream.write(_STARTER % (sys.executable, ROOT, client_program.__file__))
        os.chmod(path, 0o755)

    def write_answers(self, answers: Dict[str, Dict[str, Any]]) -> None:
        """What the programs do from now on, by name: "out", "err", "code", "hangs"."""
        path = os.path.join(self.bin, client_program.ANSWERS)
        with open(path, "w") as stream:
            json.dump(dict(answers, rc=self._rc), stream)

    def list_calls(self) -> List[Call]:
        """All calls by now, in order."""
        path = os.path.join(self.bin, client_program.CALLS)
        if not os.path.exists(path):
            return []
        with open(path) as stream:
            return [Call(*json.loads(line)) for line in stream]

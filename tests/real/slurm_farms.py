"""A farm of the plain user's on a real Slurm."""

import os
import subprocess

from tests.real.conftest import AS_USER, PYTHON, USER
from tests.real.farms import RealFarm, environment_path

MORE = "memory = 500\nwalltime = 10m\n"


class SlurmFarm(RealFarm):
    """A farm of the plain user's; `start` leaves a verb of the factory running."""

    def __init__(self, program, folder, slurm, queue="main", more=""):
        self.environ = dict(os.environ, SLURM_CONF=str(slurm / "slurm.conf"), HOME=str(folder))
        super().__init__(self._run_words, [PYTHON, program], folder, "slurm", self._list_tags,
                         "queue = %s\n%s%s" % (queue, MORE, more))

    def _run_words(self, path, *words):
        done = subprocess.run(
            AS_USER + ["env", environment_path(path)] + [str(word) for word in words],
            cwd=str(self.folder), env=self.environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )
        return done.returncode, done.stdout.decode()

    def _list_tags(self):
        text = subprocess.check_output(
            ["squeue", "-h", "-r", "-u", USER, "-o", "%j"], env=self.environ
        ).decode()
        return [name for name in text.split() if len(name) == 12 and name.startswith("p")]

    def start(self, *words):
        return subprocess.Popen(
            AS_USER + [str(word) for word in self._program] + ["-m", "pilot.factory"] + list(words),
            cwd=str(self.folder), env=self.environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )

    def list_nodes(self):
        """The node of each running pilot."""
        text = subprocess.check_output(
            ["squeue", "-h", "-r", "-u", USER, "-t", "R", "-o", "%N"], env=self.environ
        ).decode()
        return text.split()

    def control(self, *words):
        subprocess.check_call(["scontrol"] + list(words), env=self.environ)

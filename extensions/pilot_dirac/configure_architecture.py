"""ConfigureArchitecture: the platform that DIRAC's own program prints."""

import platform
import shlex

from . import parsing
from .command import DiracCommand
from .options import pick_options

CONTAINER = "dirac-apptainer-exec"


class ConfigureArchitecture(DiracCommand):
    """Write the platform into pilot.cfg: the output of dirac-platform or --architectureScript."""

    name = "ConfigureArchitecture"
    options = DiracCommand.options + pick_options("architecture_script")

    def execute(self) -> str:
        name = self.find_architecture()
        if not name:
            raise self.failure("%s printed no platform" % self.pp.architectureScript)
        self.write_options(
            {"/LocalSite/Architecture": name, "/LocalSite/Platform": platform.machine()}
        )
        self.log.info("architecture %s", name)
        return name

    def find_architecture(self) -> str:
        """The platform's name."""
        script, words = shlex.split(self.pp.architectureScript), self.server_words()
        argv = script + words + ["-ddd"]
        if script[:1] == [CONTAINER]:  # it takes its program as one word
            inner = " ".join(shlex.quote(word) for word in argv[1:])
            argv = [CONTAINER, inner] + words
        return parsing.last_line(self.run_program(argv).stdout)

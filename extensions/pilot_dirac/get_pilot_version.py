"""GetPilotVersion: logs the wanted release; only old lists of commands contain it."""

from .command import DiracCommand
from .options import pick_options


class GetPilotVersion(DiracCommand):
    """Log the wanted release, which pilot.json or --release sets before any command runs."""

    name = "GetPilotVersion"
    needs_certificates = False
    options = DiracCommand.options + pick_options("release_version")
    timeout_s = 60.0

    def execute(self) -> str:
        self.log.info(
            "release %s", self.releaseVersion or "not named: the newest, or what is installed"
        )
        return self.releaseVersion

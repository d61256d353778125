"""GetPilotVersion: which release is wanted; of use to old command lists only."""

from .command import DiracCommand
from .options import pick_options


class GetPilotVersion(DiracCommand):
    """Tell the wanted release, which pilot.json or --release has decided before any command."""

    name = "GetPilotVersion"
    needs_certificates = False
    options = DiracCommand.options + pick_options("release_version")
    timeout_s = 60.0

    def execute(self) -> str:
        self.log.info(
            "release %s", self.releaseVersion or "not named: the newest, or what is installed"
        )
        return self.releaseVersion

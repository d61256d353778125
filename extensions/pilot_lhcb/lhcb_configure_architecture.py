"""LHCbConfigureArchitecture: ConfigureArchitecture of DIRAC with LHCb's name and choices."""

from pilot_dirac.configure_architecture import ConfigureArchitecture
from pilot_dirac.options import TABLE


class LHCbConfigureArchitecture(ConfigureArchitecture):
    """Write the platform into pilot.cfg: by LHCb's dirac-architecture or --architectureScript."""

    name = "LHCbConfigureArchitecture"

    def execute(self) -> str:
        if self.pp.architectureScript == TABLE["architecture_script"].default:
            self.pp.architectureScript = "dirac-architecture"
        return super().execute()

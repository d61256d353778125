"""LHCbConfigureBasics: ConfigureBasics of DIRAC with LHCb's name and choices."""

from pilot_dirac.configure_basics import ConfigureBasics


class LHCbConfigureBasics(ConfigureBasics):
    """Write pilot.cfg as DIRAC does, for LHCb's project."""

    name = "LHCbConfigureBasics"

    def _getBasicsCFG(self) -> None:
        self.pp.releaseProject = self.pp.releaseProject or "LHCb"
        super()._getBasicsCFG()

"""LHCbGetPilotVersion: GetPilotVersion of DIRAC with LHCb's name."""

from pilot_dirac.get_pilot_version import GetPilotVersion


class LHCbGetPilotVersion(GetPilotVersion):
    """Log the wanted release of LHCbDIRAC."""

    name = "LHCbGetPilotVersion"

"""LHCbGetPilotVersion: GetPilotVersion of DIRAC with LHCb's name."""

from pilot_dirac.get_pilot_version import GetPilotVersion


class LHCbGetPilotVersion(GetPilotVersion):
    """Tell the release of LHCbDIRAC that is wanted."""

    name = "LHCbGetPilotVersion"

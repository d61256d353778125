"""LHCb: DIRAC's commands with LHCb's names; its software from CVMFS first, else installed here."""

from pilot_dirac import COMMANDS as DIRAC_COMMANDS, OPTIONS, adopt, dialect, transports

from .lhcb_add_cvmfs_tags import LHCbAddCVMFSTags
from .lhcb_configure_architecture import LHCbConfigureArchitecture
from .lhcb_configure_basics import LHCbConfigureBasics
from .lhcb_configure_cpu_requirements import LHCbConfigureCPURequirements
from .lhcb_configure_site import LHCbConfigureSite
from .lhcb_get_pilot_version import LHCbGetPilotVersion
from .lhcb_install_dirac import LHCbInstallDIRAC

COMMANDS = (
    LHCbGetPilotVersion,
    LHCbInstallDIRAC,
    LHCbConfigureBasics,
    LHCbConfigureSite,
    LHCbConfigureArchitecture,
    LHCbConfigureCPURequirements,
    LHCbAddCVMFSTags,
) + DIRAC_COMMANDS
USUAL_PLAN = (
    "CheckWorkerNode",
    "LHCbInstallDIRAC",
    "LHCbConfigureBasics",
    "RegisterPilot",
    "CheckCECapabilities",
    "CheckWNCapabilities",
    "LHCbConfigureSite",
    "LHCbConfigureArchitecture",
    "LHCbConfigureCPURequirements",
    "LaunchAgent",
)

__all__ = ["COMMANDS", "OPTIONS", "USUAL_PLAN", "adopt", "dialect", "transports"]

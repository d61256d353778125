"""GridPP: DIRAC's commands, with DIRAC itself from a git repository."""

from pilot_dirac import COMMANDS as DIRAC_COMMANDS, OPTIONS, adopt, dialect, transports

from .git_install_dirac import GitInstallDIRAC

COMMANDS = (GitInstallDIRAC,) + DIRAC_COMMANDS
USUAL_PLAN = (
    "CheckWorkerNode",
    "GitInstallDIRAC",
    "ConfigureBasics",
    "RegisterPilot",
    "CheckCECapabilities",
    "CheckWNCapabilities",
    "ConfigureSite",
    "ConfigureArchitecture",
    "ConfigureCPURequirements",
    "LaunchAgent",
)

__all__ = ["COMMANDS", "OPTIONS", "USUAL_PLAN", "adopt", "dialect", "transports"]

"""DIRAC: the commands, command line, pilot.json, files and protocols of DIRAC's pilot, so that the
toolbox can replace it."""

from .dialect import dialect, help
from .faces import COMMANDS
from .legacy import adopt
from .options import PACKAGE as OPTIONS
from .profile import profile
from .remote_log import transports

USUAL_PLAN = (
    "CheckWorkerNode",
    "InstallDIRAC",
    "ConfigureBasics",
    "RegisterPilot",
    "CheckCECapabilities",
    "CheckWNCapabilities",
    "ConfigureSite",
    "ConfigureArchitecture",
    "ConfigureCPURequirements",
    "LaunchAgent",
)

__all__ = ["COMMANDS", "OPTIONS", "USUAL_PLAN", "adopt", "dialect", "help", "profile", "transports"]

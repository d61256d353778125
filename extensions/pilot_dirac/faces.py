"""pilotTools, pilotCommands and proxyTools for communities' modules: the names of DIRAC's pilot,
with the implementations of this package."""

import importlib
import importlib.util
import os
import sys
import types
from typing import Callable, Dict, List, Optional, Tuple, Type, TypeVar, Union

from pilot.base import credentials, fetch
from pilot.errors import ConfigurationFailed, StepFailed

from . import params, release
from .check_ce_capabilities import CheckCECapabilities
from .check_wn_capabilities import CheckWNCapabilities
from .check_worker_node import CheckWorkerNode
from .command import DiracCommand
from .configure_architecture import ConfigureArchitecture
from .configure_architecture_without_cli import ConfigureArchitectureWithoutCLI
from .configure_basics import ConfigureBasics
from .configure_cpu_requirements import ConfigureCPURequirements
from .configure_site import ConfigureSite
from .get_pilot_version import GetPilotVersion
from .identity import find_submitter
from .install_dirac import InstallDIRAC
from .launch_agent import LaunchAgent
from .log import Logger
from .multi_launch_agent import MultiLaunchAgent
from .nagios_probes import NagiosProbes
from .register_pilot import RegisterPilot

COMMANDS: Tuple[Type[DiracCommand], ...] = (
    GetPilotVersion,
    CheckWorkerNode,
    InstallDIRAC,
    ConfigureBasics,
    RegisterPilot,
    CheckCECapabilities,
    CheckWNCapabilities,
    ConfigureSite,
    ConfigureArchitecture,
    ConfigureArchitectureWithoutCLI,
    ConfigureCPURequirements,
    LaunchAgent,
    MultiLaunchAgent,
    NagiosProbes,
)
FLAT = ("pilotTools", "pilotCommands", "proxyTools")

Function = TypeVar("Function", bound=Callable[..., object])


class FixedSizeBuffer:
    """A buffer of lines, for modules that collect lines themselves."""

    def __init__(self, bufsize: int = 1000, *_flush: int) -> None:
        self._lines: List[str] = []
        self.bufsize = bufsize

    def write(self, text: str) -> None:
        """Add lines; the buffer drops the oldest when it is full."""
        self._lines = (self._lines + text.splitlines())[-self.bufsize:]

    def getValue(self) -> str:
        """The text of the buffer."""
        return "\n".join(self._lines)

    def flush(self) -> None:
        """Empty the buffer."""
        self._lines = []


class ObjectLoader:
    """Finds a class in modules by name."""

    @staticmethod
    def loadObject(modulePath: str, className: str) -> object:
        """The attribute of a module that can be imported."""
        return getattr(importlib.import_module(modulePath), className)


def getCommand(pp: params.PilotParams, commandName: str) -> Tuple[Optional[object], str]:
    """(instance, module) of a command, searched in the order of DIRAC's pilot."""
    for name in [extension + "Commands" for extension in pp.commandExtensions] + ["pilotCommands"]:
        if name not in sys.modules and importlib.util.find_spec(name) is None:
            continue
        module = importlib.import_module(name)
        if hasattr(module, commandName):
            return getattr(module, commandName)(pp), name
    return None, ""


class RemoteLogger(Logger):
    """DIRAC's pilot sent this log separately; the toolbox sends every log."""

    def __init__(
        self, url: str = "", name: str = "Pilot", *_more: object, **_named: object
    ) -> None:
        super().__init__(name)
        self.url = url


def getVO(proxy: Union[bytes, str]) -> str:
    """The VO of a proxy, given as its text. ConfigurationFailed for one without VOMS attributes."""
    text = proxy if isinstance(proxy, bytes) else str(proxy).encode("utf-8")
    vo = credentials.parsed_proxy(text, "the proxy").vo
    if not vo:
        raise ConfigurationFailed("the proxy has no VOMS attributes")
    return vo


def getSubmitterInfo(ceName: str) -> Tuple[str, str, Dict[str, object]]:
    """(flavour, reference, batch system) of this pilot."""
    flavour, reference, system = find_submitter(dict(os.environ), ceName, "")
    return flavour, reference, system


def getFlavour(ceName: str) -> Tuple[str, str]:
    """(flavour, reference)."""
    return getSubmitterInfo(ceName)[:2]


def retrieveUrlTimeout(url: str, fileName: str, log: Logger, timeout: float = 0) -> bool:
    """Download a URL into a file with verified TLS, in at most `timeout` seconds (0: 300). Returns
    whether this succeeded."""
    try:
        fetch.download(url, fileName, timeout or 300.0)
        return True
    except (StepFailed, OSError) as error:
        log.error("%s" % error)
        return False


def safe_listdir(directory: str, timeout: float = 60) -> List[str]:
    """The names in a folder; [] when it cannot be read, or does not answer."""
    from .certificates import look_by_child

    return look_by_child(["ls", "-A", directory]).stdout.split("\n")[:-1]


def sendMessage(*_words: object, **_more: object) -> None:
    """Do nothing: the engine sends the log."""


def parseVersion(releaseVersion: str, useLegacyStyle: bool = False) -> str:
    """v9r1p2 -> 9.1.2, or the reverse; any other text is unchanged."""
    return (
        release.lettered_version(releaseVersion)
        if useLegacyStyle
        else release.dotted_version(releaseVersion)
    )


def pythonPathCheck() -> None:
    """Do nothing: the environment of children has no PYTHONPATH."""


def load_module_from_path(module_name: str, path_to_module: str) -> types.ModuleType:
    """Import <path>/<name>.py."""
    spec = importlib.util.spec_from_file_location(
        module_name, os.path.join(path_to_module, module_name + ".py")
    )
    if spec is None or spec.loader is None:
        raise ImportError(module_name)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def logFinalizer(func: Function) -> Function:
    """A decorator of execute() without effect: the engine finishes the log."""
    return func


TOOLS: Dict[str, object] = {
    "CommandBase": DiracCommand,
    "Logger": Logger,
    "RemoteLogger": RemoteLogger,
    "PilotParams": params.PilotParams,
    **{
        item.__name__: item
        for item in (
            FixedSizeBuffer,
            ObjectLoader,
            getCommand,
            getSubmitterInfo,
            getFlavour,
            retrieveUrlTimeout,
            safe_listdir,
            sendMessage,
            parseVersion,
            pythonPathCheck,
            load_module_from_path,
        )
    },
}
STEPS: Dict[str, object] = {
    "CommandBase": DiracCommand,
    "logFinalizer": logFinalizer,
    "ConfigureDIRAC": ConfigureBasics,
    **{command.__name__: command for command in COMMANDS},
}


def install_faces() -> None:
    """Make the old names importable."""
    if "pilotTools" in sys.modules:
        return
    package = types.ModuleType("Pilot")
    package.__path__ = []
    sys.modules["Pilot"] = package
    contents: Tuple[Dict[str, object], ...] = (TOOLS, STEPS, {"getVO": getVO})
    for name, content in zip(FLAT, contents):
        module = types.ModuleType(name)
        module.__dict__.update(content)
        setattr(package, name, module)
        sys.modules[name] = sys.modules["Pilot." + name] = module

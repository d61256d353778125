"""pilotTools, pilotCommands and proxyTools for communities' modules: the names of DIRAC's pilot,
with the implementations of this package."""

import importlib
import importlib.util
import os
import sys
import types
from typing import Callable, Dict, List, Optional, Sequence, Tuple, Type, TypeVar, Union

from pilot.base import credentials, fetch
from pilot.errors import ConfigurationFailed, StepFailed

from . import params, release
from .buffering import FixedSizeBuffer, RepeatingTimer, synchronized
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
from .plan_changes import KNOWN
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
KNOWN.update((command.name, command) for command in COMMANDS)
FLAT = ("pilotTools", "pilotCommands", "proxyTools")

Function = TypeVar("Function", bound=Callable[..., object])


class ObjectLoader:
    """Finds a class in modules by name: ObjectLoader(["", "Pilot"], log).loadObject(PACKAGE, MODULE,
    CLASS) is (class, PACKAGE/MODULE), or (None, None)."""

    def __init__(self, baseModules: Sequence[str] = ("",), log: object = None) -> None:
        self._bases, self.log = list(baseModules), log

    def loadModule(
        self, modName: str, hideExceptions: bool = False
    ) -> Tuple[Optional[types.ModuleType], Optional[str]]:
        """The module and the folder of its file, or (None, None). An exception of the module itself
        passes, unless it is hidden."""
        for base in self._bases:
            name = "%s.%s" % (base, modName) if base else modName
            try:
                module = importlib.import_module(name)
            except ImportError as error:
                if not hideExceptions and error.name not in (name, name.split(".")[0]):
                    raise
                continue
            return module, os.path.dirname(module.__file__ or "")
        return None, None

    def loadObject(
        self, package: str, moduleName: str, command: str
    ) -> Tuple[Optional[object], Optional[str]]:
        """The attribute `command` of the module PACKAGE.MODULE, and where it is."""
        module, folder = self.loadModule("%s.%s" % (package, moduleName))
        if module is None or not hasattr(module, command):
            return None, None
        return getattr(module, command), os.path.join(folder or "", moduleName)


def alarmTimeoutHandler(*_words: object) -> None:
    """A handler of SIGALRM that ends what takes too long."""
    raise TimeoutError("Timeout")


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

    def sendMessage(self, msg: str) -> None:
        """Do nothing: the engine sends the log."""


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
    """Import a file under this name; of a folder, the file <name>.py."""
    if os.path.isdir(path_to_module):
        path_to_module = os.path.join(path_to_module, module_name + ".py")
    spec = importlib.util.spec_from_file_location(module_name, path_to_module)
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
            RepeatingTimer,
            synchronized,
            alarmTimeoutHandler,
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

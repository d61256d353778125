"""PilotParams: the values that DIRAC's commands share, under the names that communities' modules
read and set."""

import os
import re
import sys
import time
from typing import Dict, Iterable, List, Optional, Tuple, Union

from pilot.engine import site_profile
from pilot.context import Context
from pilot.errors import UsageError
from pilot.node import features
from pilot.engine.settings import Settings, environment_name

from . import profile, standalone
from .dialect import STAMP, WORDS, getopt_pairs
from .identity import describe_fully, find_submitter
from .log import Logger
from .options import TABLE, parse_variables, setting_value

STAMP_LENGTH = 32  # the width of the column in the PilotManager's table
LIST_ITEM = re.compile(r"\s*,\s*")
# attribute -> setting, for values that are used unchanged
_PLAIN = {
    "site": "site",
    "ceName": "ce",
    "queueName": "queue",
    "setup": "setup",
    "gridCEType": "ce_type",
    "releaseProject": "release_project",
    "ceType": "local_ce_type",
    "userGroup": "user_group",
    "userDN": "owner_dn",
    "maxCycles": "max_cycles",
    "pollingTime": "polling_time",
    "stopOnApplicationFailure": "stop_on_application_failure",
    "stopAfterFailedMatches": "stop_after_failed_matches",
    "maxNumberOfProcessors": "max_number_of_processors",
    "useServerCertificate": "use_server_certificate",
    "gateway": "gateway",
    "preinstalledEnv": "preinstalled_env",
    "preinstalledEnvPrefix": "preinstalled_env_prefix",
    "pipInstallOptions": "pip_install_options",
    "minDiskSpace": "min_disk_mb",
    "architectureScript": "architecture_script",
    "executeCmd": "execute",
    "pilotLogging": "remote_logging",
    "keepPythonPath": "keep_python_path",
    "loggerURL": "remote_logger_url",
    "loggerTimerInterval": "remote_logger_timer_interval",
    "loggerBufsize": "remote_logger_bufsize",
}
# these attributes are "" instead of None
_EMPTY = ("site", "ceName", "queueName", "setup", "gridCEType", "releaseProject", "executeCmd")


class PilotParams:
    """What DIRAC calls the pilot's parameters. `context` is the engine's; without one they are
    those of sys.argv and pilot.json, as in communities' unit tests.

    Communities' modules read and set these attributes by name, and may add further ones. Therefore
    all of them are attributes of this one class, and their names are DIRAC's.
    """

    site: str
    ceName: str
    queueName: str
    setup: str
    gridCEType: str
    releaseProject: str
    ceType: str
    userGroup: str
    userDN: str
    maxCycles: int
    pollingTime: int
    stopOnApplicationFailure: Union[str, bool]
    stopAfterFailedMatches: int
    maxNumberOfProcessors: int
    useServerCertificate: bool
    gateway: str
    preinstalledEnv: str
    preinstalledEnvPrefix: str
    pipInstallOptions: str
    minDiskSpace: int
    architectureScript: str
    executeCmd: Union[str, bool]
    pilotLogging: bool
    keepPythonPath: bool
    loggerURL: Optional[str]
    loggerTimerInterval: float
    loggerBufsize: int

    def __init__(self, ctx: Optional[Context] = None) -> None:
        ctx = ctx or standalone.make_context()
        settings = ctx.settings
        self.context = ctx
        self.has_certificates = False  # the first command that needs them searches for them
        self.ended = ""  # the command that ended the pilot early, with success
        self._set_plain(settings)
        self.debugFlag: bool = (
            bool(settings["debug"]) or setting_value(settings, "log_level").upper() == "DEBUG"
        )
        # what communities' modules changed in the environment, and what the running one had last
        self.module_changes: Dict[str, str] = {}
        self.module_environ: Optional[Dict[str, str]] = None
        self._set_places(ctx)
        self._set_lists(ctx)
        self.log = self.logger = Logger("Pilot", bool(settings["debug"]))
        self.nodeEnv = dict(ctx.environ)
        first = self.first_environment(ctx)
        ctx.environ.clear()
        ctx.environ.update(first)
        self.installEnv: Dict[str, str] = dict(first)
        self.pilotUUID = ctx.pilot_id
        place = ctx.settings["ce"] or os.uname().nodename
        self.flavour, self.pilotReference, self.batchSystemInfo = find_submitter(
            ctx.environ, place, ctx.environ.get(STAMP) or ctx.pilot_id
        )
        self.batchSystemInfo = describe_fully(self.batchSystemInfo)
        self._name_pilot(ctx)
        self.pilotStartTime = int(time.time())
        self.pilotScript = str(sys.argv[0])  # unit tests of modules put other things there
        self.pilotScriptName = os.path.basename(self.pilotScript)
        self.installation = ""
        self.queueParameters: Dict[str, object] = {}
        self.cpu_power: Optional[float] = None

    def _set_plain(self, settings: Settings) -> None:
        """The values that are used as they are, with the types of DIRAC's pilot."""
        for attribute, name in _PLAIN.items():
            value = (
                settings[name]
                if name in settings
                else TABLE[name].default if name in TABLE else None
            )
            setattr(self, attribute, "" if value is None and attribute in _EMPTY else value)
        self.maxNumberOfProcessors = self.maxNumberOfProcessors or 0
        self.loggerURL = self.loggerURL or None
        self.executeCmd = self.executeCmd or False
        if self.stopOnApplicationFailure == "True":
            self.stopOnApplicationFailure = True
        self.local = False
        self.cmdOpts = tuple(
            (word.short, word.long + ("=" if word.takes else ""), "") for word in WORDS
        )

    def _name_pilot(self, ctx: Context) -> None:
        """One reference everywhere: where it is registered, in pilot.cfg, and as the stamp by which
        DIRAC's agents name their pilot."""
        given = ctx.settings["reference"] if "reference" in ctx.settings else None
        if given:
            self.pilotReference = given
            for environ in (self.installEnv, ctx.environ):
                environ.setdefault(STAMP, given[:STAMP_LENGTH])

    def _set_places(self, ctx: Context) -> None:
        self.workingDir = self.rootPath = self.originalRootPath = self.pilotRootPath = ctx.workdir
        self.localConfigFile = "pilot.cfg"
        self.configureScript = "dirac-configure"
        self.pilotCFGFile = ctx.settings["config"] or site_profile.NAME
        self.certsLocation = setting_value(ctx.settings, "cert_location") or ctx.path(
            "etc", "grid-security"
        )
        self.CVMFS_locations = [
            os.path.expandvars(place) for place in setting_value(ctx.settings, "cvmfs_locations")
        ]
        self.wnVO = ctx.settings["vo"] or ""
        path = os.path.abspath(self.pilotCFGFile)
        self.pilotJSON: Dict[str, object] = site_profile.load(path) if os.path.exists(path) else {}
        # DIRAC 8 needs a setup
        self.setup = self.setup or site_profile.nonempty_text(self.pilotJSON.get("DefaultSetup")) or ""

    def _set_lists(self, ctx: Context) -> None:
        settings = ctx.settings
        self.releaseVersion = (
            (setting_value(settings, "release_version") or "").split(",")[0].strip()
        )
        self.configServer = ",".join(setting_value(settings, "configuration_servers"))
        self.extensions = list(setting_value(settings, "extra_packages"))
        self.preferredURLPatterns = list(setting_value(settings, "preferred_url_patterns"))
        self.jobCPUReq = int(setting_value(settings, "cpu_time"))
        self.genericOptions: Tuple[str, ...] = setting_value(settings, "option")
        self.genericOption = self.genericOptions[-1] if self.genericOptions else ""
        self.tags: List[str] = split_list(setting_value(settings, "tag"))
        self.reqtags: List[str] = split_list(setting_value(settings, "required_tag"))
        self.commands = list(settings["commands"] or _usual_plan(settings["extensions"]))
        self.planned = list(self.commands)
        self.commandExtensions = list(settings["extensions"])
        self.commandOptions: Dict[str, str] = {}
        for part in setting_value(settings, "command_options"):
            self.commandOptions.update({key.strip(): text.strip() for key, text in part.items()})
        self.modules = ",".join(":::".join(module) for module in setting_value(settings, "modules"))
        self.userEnvVariables = ",".join(
            "%s:::%s" % pair for pair in setting_value(settings, "user_env_variables")
        )
        self.pilotProcessors = (
            setting_value(settings, "pilot_processors")
            or features.cores(features.find(ctx.environ))
            or 1
        )
        self.optList = getopt_pairs(sys.argv[1:])

    def first_environment(self, ctx: Context) -> Dict[str, str]:
        """The environment of DIRAC's programs: a copy of ours, with PYTHONPATH_SAVE instead of the
        node's PYTHONPATH."""
        # variables that set the pilot's own options may contain secrets
        ours = {environment_name(name) for name in ctx.settings}
        environ = dict(
            {name: text for name, text in ctx.environ.items() if name not in ours},
            PYTHONUNBUFFERED="yes",
        )
        if not setting_value(ctx.settings, "keep_python_path") and environ.get("PYTHONPATH"):
            environ["PYTHONPATH_SAVE"] = environ.pop("PYTHONPATH")
        environ.update(setting_value(ctx.settings, "user_env_variables"))
        return environ

    def getPilotOptionsDict(self) -> Dict[str, object]:
        """The options of pilot.json for this VO and setup, in its new layout."""
        paths = profile.section_paths(self.wnVO or "unknown", self.setup or "Defaults")
        words = ["/".join(str(step) for step in path) for path in paths]
        return self.getOptionForPaths(words, self.pilotJSON)

    @staticmethod
    def getOptionForPaths(paths: Iterable[str], inDict: Dict[str, object]) -> Dict[str, object]:
        """The options of all these paths; a later path counts before an earlier one."""
        merged: Dict[str, object] = {}
        for path in paths:
            target: object = inDict
            for name in path.strip("/").split("/"):
                target = target.get(name) if isinstance(target, dict) else None
            if isinstance(target, dict):
                merged.update(target)
        return merged

    def knows_servers(self) -> bool:
        """Whether somebody said where the configuration is; pilot.json may say that it is nowhere."""
        said = "ConfigurationServers" in self.pilotJSON
        return bool(said or self.configServer or self.gateway)

    def user_variables(self) -> Dict[str, str]:
        """--userEnvVariables, or what a module made of them."""
        try:
            return dict(parse_variables(self.userEnvVariables or ""))
        except ValueError as error:  # of a module: the command line's was checked
            raise UsageError("pp.userEnvVariables: %s" % error)

    def flag_words(self) -> List[str]:
        """The -o values that control the pilot itself: cvmfsOnly, diracInstallOnly."""
        return [text for text in self.genericOptions + (self.genericOption,) if "=" not in text]


def _usual_plan(extensions: Iterable[str]) -> Tuple[str, ...]:
    """The plan of a run without -X: that of the first extension that has one, else DIRAC's."""
    names = ["pilot_" + name for name in extensions] + [__name__.split(".")[0]]
    plans = [getattr(sys.modules.get(name), "USUAL_PLAN", ()) for name in names]
    return next((plan for plan in plans if plan), ())


def split_list(texts: Iterable[str]) -> List[str]:
    """["a, b", "c"] -> [a, b, c], each once."""
    return list(
        dict.fromkeys(item for text in texts for item in LIST_ITEM.split(text.strip()) if item)
    )


def params_of(ctx: Context) -> PilotParams:
    """The parameters of this run; the first call creates them."""
    return ctx.shared(PilotParams, lambda: PilotParams(ctx))

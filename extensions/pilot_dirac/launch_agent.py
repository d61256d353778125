"""LaunchAgent: starts DIRAC's JobAgent, which pulls jobs from DIRAC."""

import logging
import os
from typing import Dict, List, Tuple

from commands.launch_agent import LaunchAgent as ToolboxLaunchAgent
from pilot.agent import child
from pilot.command import Option
from pilot.context import Context
from pilot.engine.settings import Settings
from pilot.errors import Skip
from pilot.facts import AgentSummary
from pilot.base.log import Masker, say
from pilot.base.shared_defaults import DRAIN_FILES

from .command import USE_CERTIFICATE, DiracCommand
from .options import pick_options, setting_value

AGENT = "WorkloadManagement/JobAgent"
STOP_FILE = "stop_agent"  # DIRAC's agents end after the cycle that finds it
POOL = "Pool"
OURS = ("tasks", "task", "pool")
MARK = "Job being submitted"
log = logging.getLogger("pilot.LaunchAgent")


class JobAgent(child.Watched):
    """Reads the log of a JobAgent, and creates the agent's stop file when the pilot drains."""

    def __init__(self, control: str) -> None:
        super().__init__()
        self._control, self.jobs = control, 0

    def line(self, text: str) -> None:
        """Read one line of the agent's log."""
        self.count_job(text)
        super().line(text)

    def count_job(self, text: str) -> None:
        """Count a line that reports a new job."""
        self.jobs += MARK in text

    def drain(self, signum: int) -> None:
        """Let the agent end after the running jobs."""
        os.makedirs(self._control, exist_ok=True)
        with open(os.path.join(self._control, STOP_FILE), "w", encoding="ascii"):
            pass


class Program(JobAgent):
    """Passes the output of -x on as it is; it is in the file of the log as well."""

    def __init__(self, control: str, masker: Masker) -> None:
        super().__init__(control)
        self._masker = masker

    def line(self, text: str) -> None:
        """Pass a line of its standard output on."""
        self._pass_on(text, False)

    def error_line(self, text: str) -> None:
        """Pass a line of its standard error on."""
        self._pass_on(text, True)

    def _pass_on(self, text: str, error: bool) -> None:
        log.debug("%s", text)
        say(self._masker.mask_text(text) + "\n", error)


class LaunchAgent(DiracCommand, ToolboxLaunchAgent):
    """Launch DIRAC's JobAgent; with -x another program; with --tasks or --pool our own agent."""

    name = "LaunchAgent"
    options: Tuple[Option, ...] = (
        DiracCommand.options
        + pick_options(
            "max_cycles",
            "polling_time",
            "stop_on_application_failure",
            "stop_after_failed_matches",
            "cpu_time",
            "user_group",
            "owner_dn",
            "local_ce_type",
        )
        + ToolboxLaunchAgent.options
    )
    requires: Tuple[type, ...] = ()
    provides = (AgentSummary,)
    uses = ("pilot.agent.child",)
    timeout_s = ToolboxLaunchAgent.timeout_s
    failure = ToolboxLaunchAgent.failure

    @classmethod
    def check(cls, settings: Settings) -> List[str]:
        """The toolbox's checks, when the settings select its own agent."""
        return super().check(settings) if any(settings[name] for name in OURS) else []

    @classmethod
    def ending_s(cls, settings: Settings) -> float:
        """The built-in agent ends in time by itself and needs less."""
        return child.TELL_S if any(settings[name] for name in OURS) else child.ENDING_S

    def execute(self) -> None:
        ctx = self.pp.context
        if any(ctx.settings[name] for name in OURS):
            self.found = ToolboxLaunchAgent.run(self, ctx)
            return
        self.refuse_to_begin()
        folder = self.control_folder(self.pp.workingDir)
        agent = Program(folder, ctx.masker) if self.pp.executeCmd else JobAgent(folder)
        argv = self.agent_argv(ctx)
        summary = child.run_foreign_agent(ctx, argv, agent, self.program_environ())
        if self.pp.executeCmd:
            self.found = (summary,)
        else:
            self.found = (
                summary._replace(
                    done=agent.jobs, reason="the JobAgent ended well; it took %d jobs" % agent.jobs
                ),
            )

    def refuse_to_begin(self) -> None:
        """Raise Skip when the node or the pilot drains."""
        asked = "the pilot was asked to drain" if self.pp.context.interrupts.drain else ""
        drained = next(("there is " + path for path in DRAIN_FILES if os.path.exists(path)), asked)
        if drained:
            raise Skip("no agent was started: %s" % drained)

    @staticmethod
    def control_folder(instance: str) -> str:
        """The folder in which the agent checks for its stop file."""
        return os.path.join(instance, "control", *AGENT.split("/"))

    def agent_argv(self, ctx: Context) -> List[str]:
        """The JobAgent's command line; -x is text for bash."""
        if self.pp.executeCmd:
            return ["bash", "-c", str(self.pp.executeCmd)]
        if any(ctx.settings[name] for name in OURS):
            return ToolboxLaunchAgent.agent_argv(self, ctx)
        return self.job_agent(self.pp.workingDir)

    def job_agent(self, folder: str) -> List[str]:
        """The JobAgent's command line, for an instance in this folder."""
        pp = self.pp
        values: Dict[str, object] = dict(self.cycle_options())
        values["LogLevel"] = (
            "DEBUG" if pp.debugFlag else setting_value(pp.context.settings, "log_level")
        )
        words = ["dirac-agent", AGENT] + [
            word for pair in values.items() for word in ("-o", "%s=%s" % pair)
        ]
        words += ["-s", "/Resources/Computing/CEDefaults"]
        more = {
            "WorkingDirectory": folder,
            "/LocalSite/CPUTime": pp.jobCPUReq,
            "OwnerGroup": pp.userGroup,
            "OwnerDN": pp.userDN,
            USE_CERTIFICATE: "yes" if pp.useServerCertificate else "",
            "/LocalSite/InstancePath": folder,
            "/AgentJobRequirements/ExtraOptions": pp.localConfigFile,
        }
        words += [
            word for name, text in more.items() if text for word in ("-o", "%s=%s" % (name, text))
        ]
        return words + [word for path in self.list_cfg_files() for word in ("--cfg", path)]

    def cycle_options(self) -> Dict[str, object]:
        """The options that limit the agent's work; with an inner Pool it runs many jobs."""
        pp = self.pp
        options: Dict[str, object] = {
            "MaxCycles": pp.maxCycles,
            "PollingTime": pp.pollingTime,
            "StopOnApplicationFailure": pp.stopOnApplicationFailure,
            "StopAfterFailedMatches": pp.stopAfterFailedMatches,
        }
        if pp.ceType.split("/")[0] == POOL:
            options.update(
                MaxCycles=5000,
                PollingTime=min(20, pp.pollingTime),
                StopOnApplicationFailure=False,
                StopAfterFailedMatches=max(pp.pilotProcessors, pp.stopAfterFailedMatches),
                FillingModeFlag=True,
            )
        return options

    def list_cfg_files(self) -> List[str]:
        """pilot.cfg, then every other configuration file of the workdir."""
        names = sorted(name for name in os.listdir(self.pp.workingDir) if name.endswith(".cfg"))
        first = [self.pp.localConfigFile] if self.pp.localConfigFile in names else []
        return first + [name for name in names if name not in first]

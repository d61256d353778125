"""ConfigureCPURequirements: the CPU power of this slot, and the CPU work that is left in it."""

import shutil
from typing import Tuple

from commands.cpu_normalization import CPUNormalization
from pilot.command import Option
from pilot.errors import NodeUnfit, StepFailed
from pilot.facts import CPUPower, WorkerNode

from . import parsing
from .command import DiracCommand

QUEUE_TIME = "dirac-wms-get-queue-cpu-time"
FACTOR = "/LocalSite/CPUNormalizationFactor"
LEFT = "/LocalSite/CPUTimeLeft"
# prints the correction that DIRAC's administrators set for all nodes
CORRECTION = """
try:
    from DIRAC.Core.Base.Script import Script
except ImportError:
    from DIRAC.Core.Base import Script
Script.parseCommandLine(ignoreErrors=True)
from DIRAC.ConfigurationSystem.Client.Helpers.Operations import Operations
print("correction", Operations().getValue("JobScheduling/CPUNormalizationCorrection", 1.0))
"""


class ConfigureCPURequirements(DiracCommand, CPUNormalization):
    """Measure the CPU power (DB12); write it, and the CPU work left, into pilot.cfg."""

    name = "ConfigureCPURequirements"
    options: Tuple[Option, ...] = DiracCommand.options + tuple(
        one for one in CPUNormalization.options if one.name != "cpu_correction"
    )
    requires: Tuple[type, ...] = ()
    provides = (CPUPower,)
    timeout_s = DiracCommand.timeout_s
    failure = NodeUnfit

    def execute(self) -> None:
        pp = self.pp
        node = pp.context.find(WorkerNode)
        copies = pp.context.settings["cpu_copies"] or pp.pilotProcessors or 1
        # DIRAC's own Python, because DIRAC measures its scores with it
        self.python = shutil.which("python3", path=pp.installEnv.get("PATH")) or ""
        measured = self.measured(pp.context, copies, node.cpu_model if node else "")
        correction = self.read_correction()
        power = round(measured.power / correction, 1)
        if correction != 1.0:
            self.log.info("CPU power %.1f after DIRAC's correction by %g", power, correction)
        self.write_options({FACTOR: str(power)})
        done = self.run_program(
            [QUEUE_TIME, "--CPUNormalizationFactor=%f" % power] + self.server_words() + ["-d"]
        )
        seconds = parsing.last_number(parsing.TIME_LEFT, done.stdout)
        if seconds is None:
            raise self.failure(
                "%s printed no CPU time; its last line: %s"
                % (QUEUE_TIME, parsing.last_line(done.stdout))
            )
        pp.cpu_power = power
        pp.jobCPUReq = int(seconds * power)
        self.write_options({LEFT: str(pp.jobCPUReq)})
        self.log.info("%d CPU seconds left, %s of CPU work", seconds, pp.jobCPUReq)
        self.found = (measured._replace(power=power),)

    def read_correction(self) -> float:
        """The divisor of scores; 1 when DIRAC does not report it."""
        try:
            self.log.info("asking DIRAC for its correction of CPU power")
            words = ["python3", "-c", CORRECTION, "--cfg", self.pp.localConfigFile]
            text = self.run_program(words, logged=False).stdout
            return float(parsing.last_line(text).split("correction ")[1])
        except (StepFailed, IndexError, ValueError) as error:
            self.log.warn(
                "DIRAC does not report its correction of CPU power, the pilot uses 1: %s", error
            )
            return 1.0

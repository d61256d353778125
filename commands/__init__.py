"""The toolbox: one command per file; the file has the name of the class."""

from commands.check_worker_node import CheckWorkerNode
from commands.configure import Configure
from commands.cpu_normalization import CPUNormalization
from commands.install import Install
from commands.launch_agent import LaunchAgent
from commands.register_pilot import RegisterPilot
from commands.run_probes import RunProbes

COMMANDS = (
    CheckWorkerNode,
    RunProbes,
    Install,
    Configure,
    RegisterPilot,
    CPUNormalization,
    LaunchAgent,
)

USUAL_PLAN = ("CheckWorkerNode", "Install", "Configure", "CPUNormalization", "LaunchAgent")

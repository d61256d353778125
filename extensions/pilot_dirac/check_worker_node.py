"""CheckWorkerNode of the toolbox with DIRAC's limit for free disk space."""

from typing import Tuple

from commands.check_worker_node import CheckWorkerNode as ToolboxCheckWorkerNode
from pilot.command import Option
from pilot.errors import NodeUnfit

from .command import DiracCommand
from .options import pick_options

_TOOLBOX: Tuple[Option, ...] = tuple(
    option for option in ToolboxCheckWorkerNode.options if option.name != "min_disk_mb"
)


class CheckWorkerNode(DiracCommand, ToolboxCheckWorkerNode):
    """Look at the machine and refuse it, with one sentence, when it is unfit."""

    name = "CheckWorkerNode"
    needs_certificates = False
    options = DiracCommand.options + pick_options("min_disk_mb") + _TOOLBOX
    provides = ToolboxCheckWorkerNode.provides
    timeout_s = ToolboxCheckWorkerNode.timeout_s
    failure = NodeUnfit

    def execute(self) -> None:
        self.found = ToolboxCheckWorkerNode.run(self, self.pp.context)

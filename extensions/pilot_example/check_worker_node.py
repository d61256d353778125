"""CheckWorkerNode of the example community: the toolbox's command with one more rule."""

from typing import Tuple

from commands.check_worker_node import CheckWorkerNode as ToolboxCheck
from pilot.command import Option
from pilot.context import Context
from pilot.errors import NodeUnfit
from pilot.facts import WorkerNode


class CheckWorkerNode(ToolboxCheck):
    """Look at the machine as the toolbox does, and refuse hosts that we ban."""

    options: Tuple[Option, ...] = ToolboxCheck.options + (
        Option("banned_host", "a host that we do not work on"),
    )

    def run(self, ctx: Context) -> Tuple[object, ...]:
        facts = super().run(ctx)
        node = next(fact for fact in facts if isinstance(fact, WorkerNode))
        if node.host == ctx.settings["banned_host"]:
            raise NodeUnfit("%s is banned (--banned-host)" % node.host)
        return facts

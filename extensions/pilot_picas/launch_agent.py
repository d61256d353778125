"""LaunchAgent for PiCaS communities: the toolbox's command with a pool of tokens."""

import os
import shlex
from typing import Dict, List, Tuple

from commands.launch_agent import LaunchAgent as ToolboxLaunchAgent
from pilot.command import Option
from pilot.context import Context
from pilot.engine.settings import Settings

from .task_spec import parse_template
from .token import VIEW


class LaunchAgent(ToolboxLaunchAgent):
    """Launch the agent as the toolbox does; --pool may be picas+https://HOST/DATABASE or picas:FILE."""

    options: Tuple[Option, ...] = ToolboxLaunchAgent.options + (
        Option(
            "picas_command",
            "what runs a token that brings no command of its own: words in which {input}, "
            "{_id} and other fields of the token are filled in, as in './process_task.sh {input} {_id}'",
            parse_template,
        ),
        Option("picas_view", "the view that lists what to do: DESIGN/VIEW", default=VIEW),
    )
    uses = ToolboxLaunchAgent.uses + ("pilot_picas.pool",)

    @classmethod
    def check(cls, settings: Settings) -> List[str]:
        """The problems that the toolbox finds, and a view that is not DESIGN/VIEW."""
        bad = (
            ["--picas-view %s: is not DESIGN/VIEW" % settings["picas_view"]]
            if settings["picas_view"].count("/") != 1
            else []
        )
        return super().check(settings) + bad

    def run(self, ctx: Context) -> Tuple[object, ...]:
        ctx.environ.update(agent_orders(ctx.settings, os.getcwd()))
        return super().run(ctx)


def agent_orders(settings: Settings, folder: str) -> Dict[str, str]:
    """The variables for the agent's process. A relative name of a program becomes absolute, because
    the agent starts it in another folder."""
    orders = {"PILOT_PICAS_VIEW": settings["picas_view"], "PILOT_PICAS_FOLDER": folder}
    if settings["picas_command"]:
        words = shlex.split(settings["picas_command"])
        if "/" in words[0]:
            words[0] = os.path.join(folder, words[0])
        orders["PILOT_PICAS_COMMAND"] = " ".join(shlex.quote(word) for word in words)
    return orders

"""LaunchAgent of PiCaS communities: the toolbox's, with a pool of tokens."""

import os
import shlex
from typing import Any, Dict, List, Tuple

from commands.launch_agent import LaunchAgent as ToolboxLaunchAgent
from pilot.command import Option
from pilot.context import Context

from . import token


class LaunchAgent(ToolboxLaunchAgent):
    """Launch the agent as the toolbox does; --pool may be picas+https://HOST/DATABASE or picas:FILE."""

    options: Tuple[Option, ...] = ToolboxLaunchAgent.options + (
        Option(
            "picas_command",
            "what runs a token that brings no command of its own: words in which {input}, {_id} and other fields "
            "of the token are filled in, as in './process_task.sh {input} {_id}'",
            token.parse_template,
        ),
        Option("picas_view", "the view that lists what to do: DESIGN/VIEW", default=token.VIEW),
    )
    uses = ToolboxLaunchAgent.uses + ("pilot_picas.pool",)

    @classmethod
    def check(cls, settings: Any) -> List[str]:
        """As the toolbox; a view has two words."""
        bad = (
            ["--picas-view %s: is not DESIGN/VIEW" % settings["picas_view"]]
            if settings["picas_view"].count("/") != 1
            else []
        )
        return super().check(settings) + bad

    def run(self, ctx: Context) -> Tuple[object, ...]:
        ctx.environ.update(agent_orders(ctx.settings, os.getcwd()))
        return super().run(ctx)


def agent_orders(settings: Any, folder: str) -> Dict[str, str]:
    """What the agent's process is told by its environment: programs named from here are named from
    the root."""
    found = {"PILOT_PICAS_VIEW": settings["picas_view"], "PILOT_PICAS_FOLDER": folder}
    if settings["picas_command"]:
        words = shlex.split(settings["picas_command"])
        if "/" in words[0]:
            words[0] = os.path.join(folder, words[0])
        found["PILOT_PICAS_COMMAND"] = " ".join(shlex.quote(word) for word in words)
    return found

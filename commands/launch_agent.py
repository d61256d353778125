"""LaunchAgent: starts the agent that pulls work, watches it, and reports how it ended."""

import shlex
from typing import List, Tuple

from pilot import values
from pilot.engine import program
from pilot.command import Command, Option
from pilot.context import Context
from pilot.errors import AgentFailed, Skip
from pilot.facts import AgentSummary, WorkerNode
from pilot.base.shared_defaults import DRAIN_FILES, FOREVER_S
from pilot.engine.settings import Settings

try:
    from pilot.agent.options import BUILT_IN
except ModuleNotFoundError:  # a lean file
    BUILT_IN = ()


class LaunchAgent(Command):
    """Launch the agent that pulls work: the built-in one, or any program with --execute."""

    name = "LaunchAgent"
    options: Tuple[Option, ...] = (
        Option(
            "tasks",
            "a JSON Lines file of tasks: for this pilot alone, or with --pool put into that pool",
        ),
        Option("task", "a JSON file of one task: run it here, once, with its output live"),
        Option("pool", "the pool to pull from: sqlite:FILE, or a server's https://HOST:PORT"),
        Option("execute", "a program to run as the agent, with its arguments"),
        Option(
            "drain_files",
            "files that tell the agent to finish and claim nothing more",
            values.words,
            DRAIN_FILES,
        ),
    ) + BUILT_IN
    requires: Tuple[type, ...] = (WorkerNode,)
    provides = (AgentSummary,)
    uses: Tuple[str, ...] = ("pilot.agent.launch", "pilot.pool.sqlite")
    timeout_s = FOREVER_S
    failure = AgentFailed

    @classmethod
    def check(cls, settings: Settings) -> List[str]:
        """Exactly one source of work, and a task file without mistakes."""
        if not settings["execute"] and not program.has("pilot.agent.launch"):
            return [
                "this file was made without the built-in agent (pilot.bundle --lean): give --execute PROGRAM"
            ]
        if not (settings["tasks"] or settings["pool"] or settings["execute"] or settings["task"]):
            return [
                "LaunchAgent has no work: give --tasks FILE, --task FILE, --pool URL or --execute PROGRAM"
            ]
        if settings["task"] and (settings["tasks"] or settings["pool"] or settings["execute"]):
            return ["--task runs one task: it cannot be combined with --tasks, --pool or --execute"]
        if settings["execute"] and (settings["tasks"] or settings["pool"]):
            return ["--execute runs another agent: it cannot be combined with --tasks or --pool"]
        if settings["execute"]:
            return _program_problems(settings["execute"])
        from pilot.agent import options

        return options.find_problems(settings)

    @classmethod
    def ending_s(cls, settings: Settings) -> float:
        """The built-in agent ends by itself."""
        from pilot.agent import child

        return child.ENDING_S if settings["execute"] else child.TELL_S

    def run(self, ctx: Context) -> Tuple[object, ...]:
        if ctx.interrupts.drain or ctx.settings["execute"] and ctx.deadline.drain_file():
            raise (AgentFailed if ctx.settings["task"] else Skip)(
                "asked to drain before the agent began"
            )
        if ctx.settings["execute"]:
            from pilot.agent import child

            return (child.run_foreign_agent(ctx, self.agent_argv(ctx)),)
        from pilot.agent import launch

        return (launch.run_built_in_agent(ctx, self.agent_argv(ctx)),)

    def agent_argv(self, ctx: Context) -> List[str]:
        """The command line of the agent; communities with another agent override this."""
        if ctx.settings["execute"]:
            return shlex.split(ctx.settings["execute"])
        from pilot.agent import launch

        return launch.prepare_agent(ctx)


def _program_problems(text: str) -> List[str]:
    try:
        return [] if shlex.split(text) else ["--execute names no program"]
    except ValueError as error:
        return ["--execute: %r: %s" % (text, error)]

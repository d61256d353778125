"""LaunchAgent: starts the agent that pulls work, watches it, and says how it ended."""

import os
import shlex
from typing import Any, List, Optional, Tuple

from pilot import program, values
from pilot.command import Command, Option
from pilot.context import Context
from pilot.errors import AgentFailed, Skip, UsageError
from pilot.facts import AgentSummary, WorkerNode
from pilot.terms import DRAIN_FILES, FOREVER_S, ISOLATION_WAYS, LEASE_S, SPOT_CLOUDS


class LaunchAgent(Command):
    """Launch the agent that pulls work: the built-in one, or any program with --execute."""

    name = "LaunchAgent"
    options: Tuple[Option, ...] = (
        Option("tasks", "a JSON Lines file of tasks: for this pilot alone, or with --pool put into that pool"),
        Option("task", "a JSON file of one task: run it here, once, with its output live"),
        Option("pool", "the pool to pull from: sqlite:FILE, or a server's https://HOST:PORT"),
        Option("execute", "a program to run as the agent, with its arguments"),
        Option("slots", "payloads at once (default: one per core)", values.count),
        Option("tags", "what this pilot offers besides resources; a task's tags must all be among them", values.words, ()),
        Option("lease_s", "seconds a task is ours without a renewal", values.seconds, LEASE_S),
        Option("min_task_s", "seconds the slot must still have for a task that does not say how long it takes (walltime_s)",
               values.seconds, 60.0),
        Option("idle_s", "seconds to stay without work; 0: end when nothing can be claimed", values.seconds, 0.0),
        Option("max_tasks", "claim no more than so many tasks", values.count),
        Option("isolation", "walls around payloads: none, auto, bubblewrap, unshare, apptainer", values.choice(*ISOLATION_WAYS), "none"),
        Option("payload_user", "who payloads run as when the pilot is root (default: nobody, where that user can reach the workdir; "
                               "root: as the pilot)"),
        Option("stop_grace_s", "seconds from SIGTERM to SIGKILL for a payload", values.seconds, 2.0),
        Option("keep_sandboxes", "payloads' folders to keep: never, failed, always",
               values.choice("never", "failed", "always"), "failed"),
        Option("max_quick_failures", "end the pilot as on an unfit node after so many payloads in a row that failed within 30 s "
                                     "(0: never; default: 20 with --pool)", values.count),
        Option("spot_notices", "the cloud whose notices that a spot machine ends soon are heard: none, ec2, gce, azure",
               values.choice(*SPOT_CLOUDS), SPOT_CLOUDS[0]),
        Option("output_dir", "where outputs without a URL go (default: outputs in the workdir)"),
        Option("drain_files", "files that tell the agent to finish and claim nothing more", values.words, DRAIN_FILES),
    )
    requires: Tuple[type, ...] = (WorkerNode,)
    provides = (AgentSummary,)
    uses: Tuple[str, ...] = ("pilot.agent.launch", "pilot.pool.sqlite")
    timeout_s = FOREVER_S
    failure = AgentFailed

    @classmethod
    def check(cls, settings: Any) -> List[str]:
        """Exactly one source of work, and a task file without mistakes."""
        if not settings["execute"] and not program.has("pilot.agent"):
            return ["this file was made without the built-in agent (pilot.bundle --lean): give --execute PROGRAM"]
        if not (settings["tasks"] or settings["pool"] or settings["execute"] or settings["task"]):
            return ["LaunchAgent has no work: give --tasks FILE, --task FILE, --pool URL or --execute PROGRAM"]
        if settings["task"] and (settings["tasks"] or settings["pool"] or settings["execute"]):
            return ["--task is one task alone: it goes without --tasks, --pool and --execute"]
        if settings["execute"] and (settings["tasks"] or settings["pool"]):
            return ["--execute runs another agent: it goes without --tasks and --pool"]
        if ":" not in (settings["pool"] or ":"):
            return ["--pool %s: is no URL" % settings["pool"]]
        if settings["slots"] == 0:
            return ["--slots must be 1 or more"]
        if settings["lease_s"] < 1:
            return ["--lease-s must be 1 or more"]
        if settings["execute"]:
            return _program_problems(settings["execute"])
        return _task_problems(settings["tasks"] or settings["task"], bool(settings["task"]))

    @classmethod
    def ending_s(cls, settings: Any) -> float:
        """The built-in agent ends by itself."""
        from pilot import agency

        return agency.ENDING_S if settings["execute"] else agency.TELL_S

    def run(self, ctx: Context) -> Tuple[object, ...]:
        if ctx.interrupts.drain or ctx.settings["execute"] and ctx.deadline.draining():
            raise (AgentFailed if ctx.settings["task"] else Skip)("asked to drain before the agent began")
        if ctx.settings["execute"]:
            from pilot import agency

            return (agency.run(ctx, self.agent_argv(ctx)),)
        from pilot.agent import launch

        return (launch.run(ctx, self.agent_argv(ctx)),)

    def agent_argv(self, ctx: Context) -> List[str]:
        """The command line of the agent; communities with another agent override this."""
        if ctx.settings["execute"]:
            return shlex.split(ctx.settings["execute"])
        from pilot.agent import launch

        return launch.prepare(ctx)


def _program_problems(text: str) -> List[str]:
    try:
        return [] if shlex.split(text) else ["--execute names no program"]
    except ValueError as error:
        return ["--execute: %r: %s" % (text, error)]


def _task_problems(path: Optional[str], alone: bool) -> List[str]:
    if not path:
        return []
    if os.path.exists(path) and not os.path.isfile(path):
        return ["--tasks %s: is no regular file; fill a pool from it: python3 -m pilot.pool add sqlite:FILE -" % path]
    from pilot.pool import task

    try:
        task.read_one(path) if alone else task.read_file(path)
    except UsageError as error:
        return list(error.problems)
    return []

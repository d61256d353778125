"""LaunchAgent: starts the agent, passes signals on, watches it, and says how it ended."""

import json
import logging
import os
import shlex
import signal
import time
from typing import Any, Dict, List, Optional, Sequence, Tuple

from pilot import process, process_tree, program, values
from pilot.agent import config as agent_config, environment, isolation
from pilot.agent.config import AgentConfig
from pilot.command import Command, Option
from pilot.context import Context
from pilot.errors import AgentFailed, OutOfTime, PoolUnreachable, UsageError
from pilot.facts import AgentSummary, Configuration, CPUPower, Installation, WorkerNode
from pilot.node import features
from pilot.node.deadline import DRAIN_FILES
from pilot.pool import open_pool
from pilot.pool.interface import LEASE_S
from pilot.pool.task import read_file

STOP_S = 4.5  # from SIGTERM to the agent until it is killed: five seconds are promised in all
FOREVER_S = 30 * 86400.0
PRIVATE_BACKOFF_S = 1.0  # tasks given by --tasks are this pilot's alone: no need to wait long for another try
_ERRORS = {50: PoolUnreachable, 60: OutOfTime, 2: UsageError}


class LaunchAgent(Command):
    """Launch the agent that pulls work: the built-in one, or any program with --execute."""

    name = "LaunchAgent"
    options = (
        Option("tasks", "a JSON Lines file of tasks for this pilot alone"),
        Option("pool", "the pool to pull from: sqlite:FILE"),
        Option("execute", "a program to run as the agent, with its arguments"),
        Option("slots", "payloads at once (default: one per core)", values.count),
        Option("tags", "what this pilot offers besides resources; a task's tags must all be among them", values.words, ()),
        Option("lease_s", "seconds a task is ours without a renewal", values.seconds, LEASE_S),
        Option("idle_s", "seconds to stay without work; 0: end when nothing can be claimed", values.seconds, 0.0),
        Option("max_tasks", "claim no more than so many tasks", values.count),
        Option("max_walltime", "seconds from the pilot's start after which all must be over", values.seconds),
        Option("isolation", "walls around payloads: %s" % ", ".join(isolation.WAYS), values.choice(*isolation.WAYS), "none"),
        Option("stop_grace_s", "seconds from SIGTERM to SIGKILL for a payload", values.seconds, 2.0),
        Option("keep_sandboxes", "payloads' folders to keep: never, failed, always",
               values.choice("never", "failed", "always"), "failed"),
        Option("output_dir", "where outputs without a URL go (default: outputs in the workdir)"),
        Option("drain_files", "files that tell the agent to finish and claim nothing more", values.words, DRAIN_FILES),
    )
    requires = (WorkerNode,)
    provides = (AgentSummary,)
    timeout_s = FOREVER_S
    failure = AgentFailed

    @classmethod
    def check(cls, settings: Any) -> List[str]:
        """Exactly one source of work, and a task file without mistakes."""
        if not (settings["tasks"] or settings["pool"] or settings["execute"]):
            return ["LaunchAgent has no work: give --tasks FILE, --pool URL or --execute PROGRAM"]
        if settings["execute"] and (settings["tasks"] or settings["pool"]):
            return ["--execute runs another agent: it goes without --tasks and --pool"]
        if settings["slots"] == 0:
            return ["--slots must be 1 or more"]
        try:
            if settings["tasks"]:
                read_file(settings["tasks"])
        except UsageError as error:
            return list(error.problems)
        return []

    def run(self, ctx: Context) -> Tuple[object, ...]:
        argv = self.agent_argv(ctx)
        self.log.info("starting %s", " ".join(shlex.quote(word) for word in argv))
        story = Story(ctx, self.log)
        result = self._watch(ctx, argv, story)
        if ctx.settings["execute"]:
            return (self._foreign_end(result),)
        return (self._end(result, story),)

    def agent_argv(self, ctx: Context) -> List[str]:
        """The command line of the agent; communities with another agent override this."""
        if ctx.settings["execute"]:
            return shlex.split(ctx.settings["execute"])
        folder = ctx.path("pilot-" + ctx.pilot_id)
        os.makedirs(folder, exist_ok=True)
        url = self._pool(ctx, folder)
        path = os.path.join(folder, "agent.json")
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(descriptor, "w") as stream:
            stream.write(agent_config.dump(orders(ctx, url, folder)))
        return program.start_argv("pilot.agent", folder) + [path]

    def _pool(self, ctx: Context, folder: str) -> str:
        """The pool's URL; tasks of --tasks are put into it, or into one of this pilot's own."""
        url = ctx.settings["pool"] or "sqlite:" + os.path.join(folder, "pool.sqlite")
        if url.startswith("sqlite:"):
            url = "sqlite:" + os.path.abspath(url[len("sqlite:"):])
        private = not ctx.settings["pool"]
        if ctx.settings["tasks"]:
            pool = open_pool(url, create=True, backoff_s=PRIVATE_BACKOFF_S if private else None)
            added, known = pool.add(read_file(ctx.settings["tasks"]))
            pool.close()
            self.log.info("%d tasks from %s in %s", added + known, ctx.settings["tasks"], url)
        else:
            open_pool(url).close()
        return url

    def _watch(self, ctx: Context, argv: List[str], story: "Story") -> process.Result:
        pids: List[int] = []

        def forward(signum: int) -> None:
            for pid in pids:
                process_tree.send_group(pid, signum if signum in (signal.SIGUSR1, signal.SIGUSR2) else signal.SIGTERM)

        with ctx.interrupts.listening(forward):
            def started(pid: int) -> None:
                pids.append(pid)
                if ctx.interrupts.drain:
                    forward(signal.SIGUSR1)

            return process.run(
                argv, timeout_s=self._time_for_agent(ctx), ok=None, environ=_environ(ctx), cwd=ctx.workdir, grace_s=STOP_S,
                on_line=story.line, on_error_line=story.error_line, on_start=started, keep=1 << 16)

    def _time_for_agent(self, ctx: Context) -> float:
        limit = ctx.settings["max_walltime"]
        if limit is None:
            return FOREVER_S
        return max(1.0, ctx.started + float(limit) - time.monotonic())

    def _foreign_end(self, result: process.Result) -> AgentSummary:
        if result.timed_out:
            raise OutOfTime("the agent was ended at --max-walltime")
        if result.exit_code != 0:
            raise AgentFailed(result.told())
        return AgentSummary(0, 0, 0, "the program ended well")

    def _end(self, result: process.Result, story: "Story") -> AgentSummary:
        if story.end is None:
            raise AgentFailed("the agent died without a last word: %s" % result.told())
        code, reason = story.end
        if code:
            raise _ERRORS.get(code, AgentFailed)(reason)
        done, error, released = (story.counts[key] for key in ("done", "error", "released"))
        self.log.info("%d tasks done, %d failed, %d released: %s", done, error, released, reason)
        return AgentSummary(done, error, released, reason)


class Story:
    """The agent's lines, told on: events into the stream, log records into the log."""

    def __init__(self, ctx: Context, log: logging.Logger) -> None:
        self.end: Optional[Tuple[int, str]] = None
        self.counts = {"done": 0, "error": 0, "released": 0}
        self._ctx, self._log, self._plain = ctx, log, bool(ctx.settings["execute"])

    def line(self, text: str) -> None:
        """One line of the agent's standard output."""
        told = None if self._plain else _event(text)
        if told is None:
            return self._log.info("%s", text)
        kind = told.pop("event")
        if kind == "log":
            return self._log.log(logging.getLevelName(told["level"]), "%s", told["message"])
        if kind == "agent finished":
            self.end = (told["exit_code"], told["reason"])
        elif kind == "task finished" and told["outcome"] in self.counts:
            self.counts[told["outcome"]] += 1
        self._ctx.events.emit(kind, command=LaunchAgent.name, **told)

    def error_line(self, text: str) -> None:
        """One line of its standard error: a traceback, or a foreign agent's log."""
        self._log.log(logging.INFO if self._plain else logging.WARNING, "%s", text)


def _event(text: str) -> Optional[Dict[str, Any]]:
    try:
        told = json.loads(text)
    except ValueError:
        return None
    return told if isinstance(told, dict) and isinstance(told.get("event"), str) else None


def _environ(ctx: Context) -> Dict[str, str]:
    installed = ctx.find(Installation)
    found = dict(ctx.environ, **(installed.environ if installed else {}))
    configuration = ctx.find(Configuration)
    if configuration is not None:
        found["PILOT_AGENT_CONFIG"] = configuration.path
    found["PILOT_ID"] = ctx.pilot_id
    return found


def orders(ctx: Context, url: str, folder: str) -> AgentConfig:
    """The built-in agent's configuration, from facts and settings. Raises UsageError when the node cannot obey."""
    settings, node, installed = ctx.settings, ctx.get(WorkerNode), ctx.find(Installation)
    which = isolation.which_in(ctx.environ)
    try:
        way = isolation.choose(settings["isolation"], which, node.user_namespaces)
    except ValueError as error:
        raise UsageError(str(error))
    places = features.find(ctx.environ)
    base = environment.base(ctx.environ, installed.environ if installed else {})
    power = ctx.find(CPUPower)
    if power is not None:
        base["PILOT_TASK_CPU_POWER"] = "%.1f" % power.power
    return AgentConfig(
        pool=url, pilot=ctx.pilot_id, workdir=folder, output_dir=os.path.abspath(settings["output_dir"] or ctx.path("outputs")),
        environ=base, slots=settings["slots"] or node.cores, cores=node.cores, memory_mb=node.memory_mb or None,
        gpus=[gpu.device for gpu in node.gpus], tags=list(settings["tags"]), lease_s=settings["lease_s"],
        idle_s=settings["idle_s"], wait_for_retries=not settings["pool"], max_tasks=settings["max_tasks"],
        ends=ends(ctx, node), features=list(places), drain_files=list(settings["drain_files"]), isolation=way,
        containers=isolation.apptainer(which) is not None, stop_grace_s=min(settings["stop_grace_s"], STOP_S - 1),
        keep=settings["keep_sandboxes"])


def ends(ctx: Context, node: WorkerNode) -> Dict[str, float]:
    """The ends of this slot that are fixed, as seconds left now by source."""
    found: Dict[str, float] = {}
    if ctx.settings["max_walltime"] is not None:
        found["--max-walltime"] = ctx.started + ctx.settings["max_walltime"] - time.monotonic()
    if node.batch.time_left_s is not None:
        found["%s (%s)" % (node.batch.system, node.batch.source)] = node.batch.time_left_s
    return found


__all__: Sequence[str] = ("LaunchAgent", "Story", "orders", "ends")

"""Around the agent's process: its orders, its tasks put into the pool, its story told on, its
end."""

import json
import logging
import os
import signal
import time
from typing import Any, Dict, List, Optional, Set, Tuple, Type

from pilot.events import event as events
from pilot.agent import child
from pilot.engine import program
from pilot.base import pool_token, prctl, process, process_tree
from pilot.agent import config as agent_config, environment, identity, isolation, owner
from pilot.agent.config import AgentConfig
from pilot.agent.live import Live
from pilot.context import Context
from pilot.errors import (
    AgentFailed,
    NodeUnfit,
    OutOfTime,
    PilotError,
    PoolUnreachable,
    UsageError,
    signal_name,
)
from pilot.facts import AgentSummary, CPUPower, Installation, WorkerNode
from pilot.node import features
from pilot.node.batch import detect
from pilot.pool import open_pool
from pilot.pool.interface import Busy, Denied
from pilot.pool.task import read_file, read_one
from pilot.base.shared_defaults import SPOT_CLOUDS

# between two looks at the ends that may move; a spot machine is given 30 s to two minutes
REFRESH_S, SPOT_REFRESH_S = 15.0, 5.0
# nobody else claims there: a slot that is suspended for long loses nothing
PRIVATE_LEASE_S = 7 * 86400.0
# tasks given by --tasks are this pilot's alone: no need to wait long for another try
PRIVATE_BACKOFF_S = 1.0
QUICK_FAILURES = 20
# bytes of the folder that holds a pool: pilot.pool.sqlite_file's MAX_PATH, less the file's name
LONGEST = 480
# after the warden's time: what still bears the agent's mark then has no warden
LOOK_S, ORPHANS_S = 0.05, 1.0
_ERRORS = {error.exit_code: error for error in (UsageError, NodeUnfit, PoolUnreachable, OutOfTime)}
log = logging.getLogger("pilot.LaunchAgent")


def prepare_agent(ctx: Context) -> List[str]:
    """Write the built-in agent's orders, fill its pool; returns the command line that starts it."""
    folder = _make_folder(ctx)
    os.makedirs(
        folder,
        0o755 if ctx.settings["open_files"] else 0o711 if os.geteuid() == 0 else 0o700,
        exist_ok=True,
    )
    _check_outputs(ctx.settings["output_dir"])
    path = os.path.join(folder, "agent.json")
    text = agent_config.dump_config(agent_orders(ctx, pool_url(ctx, folder), folder))
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(descriptor, "w") as stream:
        stream.write(text)
    return program.start_argv("pilot.agent", folder) + [path]


def _make_folder(ctx: Context) -> str:
    return ctx.path("pilot-" + ctx.pilot_id)


def _open_private_pool(folder: str) -> str:
    return "sqlite:" + os.path.join(folder, "pool.sqlite")


def _check_outputs(folder: str) -> None:
    """Rather now than as the failure of every task."""
    if not folder:
        return
    try:
        os.makedirs(folder, exist_ok=True)
    except OSError as error:
        raise NodeUnfit("--output-dir %s cannot be made here: %s" % (folder, error.strerror))
    if not os.access(folder, os.W_OK | os.X_OK):
        raise NodeUnfit("--output-dir %s cannot be written here" % folder)


def pool_url(ctx: Context, folder: str) -> str:
    """The pool's URL; the tasks of --tasks are put into it, or into one of this pilot's own."""
    given = ctx.settings["pool"]
    url = given or _open_private_pool(folder)
    if not given and len(os.fsencode(folder)) > LONGEST:
        raise NodeUnfit(
            "the workdir's path has %d bytes, SQLite takes no more than %d: give a shorter --workdir"
            % (
                len(os.fsencode(ctx.workdir)),
                LONGEST - len(os.fsencode(folder)) + len(os.fsencode(ctx.workdir)),
            )
        )
    if url.startswith("sqlite:"):
        url = "sqlite:" + os.path.abspath(url[len("sqlite:"):])
    try:
        if not ctx.settings["tasks"] and not ctx.settings["task"]:
            return _check_pool(url, ctx)
        with open_pool(
            url,
            create=True,
            backoff_s=None if given else PRIVATE_BACKOFF_S,
            environ=child.agent_environ(ctx),
        ) as pool:
            if not given:
                pool.take_back()
            added, known = pool.add(
                [read_one(ctx.settings["task"])]
                if ctx.settings["task"]
                else read_file(ctx.settings["tasks"])
            )
    except Busy as error:
        if given:
            raise PoolUnreachable(str(error))
        raise NodeUnfit("the workdir cannot hold the tasks: %s" % error)
    log.info(
        "tasks: %d from %s in %s", added + known, ctx.settings["task"] or ctx.settings["tasks"], url
    )
    return url


def _check_pool(url: str, ctx: Context) -> str:
    """The URL, unless it is clear that no agent can work there. Raises Denied (and Busy for a
    file)."""
    with open_pool(url, environ=child.agent_environ(ctx)) as pool:
        try:
            if pool.remote:
                pool.status()
        except Denied:
            raise
        except Busy as error:  # it may come back while the agent tries
            log.warning("%s", error)
    return url


def run_built_in_agent(ctx: Context, argv: List[str]) -> AgentSummary:
    """Run the built-in agent; raises the error that its end stands for."""
    story = AgentRelay(ctx)
    # what an agent leaves that was killed together with its warden comes to us
    prctl.ask(prctl.CHILD_SUBREAPER, 1)
    before = set(process_tree.children(os.getpid()))
    try:
        result = child.watch_agent(ctx, argv, story)
        if story.end is None:
            story.lose_all()
            _end_orphans(
                _mark_variable(ctx),
                before,
                min(ctx.settings["stop_grace_s"], child.STOP_S - 1) + ORPHANS_S,
            )
        found = _raise_end(result, story)
    except PoolUnreachable as error:
        if ctx.settings["pool"]:
            raise
        raise NodeUnfit("the workdir, which holds the tasks, fails: %s" % error)
    if ctx.settings["task"] and story.failure:
        raise AgentFailed("the task failed: %s" % story.failure)
    if ctx.settings["task"] and not found.done and not _done_before(ctx):
        raise AgentFailed("the task was not run: %s" % found.reason)
    return found


def _mark_variable(ctx: Context) -> str:
    """In the environment of everything that this pilot's agent starts."""
    return "%s/%d" % (ctx.pilot_id, os.getpid())


def _end_orphans(mark: str, before: Set[int], patience_s: float) -> None:
    """The agent died: its warden ends what it ran. What is still there after that time had no
    warden."""
    def left() -> List[process_tree.Process]:
        adopted = [pid for pid in process_tree.children(os.getpid()) if pid not in before]
        found = [process_tree.look_up(pid) for pid in adopted] + [
            one for pid in adopted for one in process_tree.descendants(pid)
        ]
        found += [
            one
            for one in process_tree.everything()
            if process_tree.variable(one.pid, environment.AGENT_MARK) == mark
        ]
        return [one for one in found if one is not None and one.state != "Z"]

    deadline = time.monotonic() + patience_s
    while left() and time.monotonic() < deadline:
        time.sleep(LOOK_S)
    ended = process_tree.send(left(), signal.SIGKILL)
    if ended:
        log.warning("the agent's warden had died, too: %d processes of payloads were ended", ended)


def _done_before(ctx: Context) -> bool:
    """Whether a pilot of this id has done its one task already, in a life before this one."""
    with open_pool(_open_private_pool(_make_folder(ctx))) as pool:
        return bool(pool.status()["done"])


def _raise_end(result: process.Result, story: "AgentRelay") -> AgentSummary:
    if story.end is None:
        raise AgentFailed(describe_death(result, story))
    code, reason = story.end
    if code:
        error: Type[PilotError] = _ERRORS.get(code, AgentFailed)
        raise error(reason)
    counts = story.counts
    log.info(
        "%d tasks done, %d failed, %d released: %s",
        counts["done"],
        counts["error"],
        counts["released"],
        reason,
    )
    return AgentSummary(counts["done"], counts["error"], counts["released"], reason)


def describe_death(result: process.Result, story: "AgentRelay") -> str:
    """The sentence for an agent that ended without saying so."""
    how = (
        "was killed by %s" % signal_name(-result.exit_code)
        if result.exit_code < 0
        else "ended with %d" % result.exit_code
    )
    last = [line.strip() for line in result.stderr.splitlines() if line.strip()][-1:]
    tasks = ", ".join(sorted(story.running)[:5]) + (" and others" if len(story.running) > 5 else "")
    left = "; it was running %s, whose leases end by themselves" % tasks if tasks else ""
    return "the agent died without a last word: it %s%s%s" % (
        how,
        ": " + last[0] if last else "",
        left,
    )


class AgentRelay(child.Watched):
    """The built-in agent's lines, told on: events into the stream, log records into the log."""

    def __init__(self, ctx: Context) -> None:
        super().__init__()
        self.listens = False  # until it says so
        self.end: Optional[Tuple[int, str]] = None
        self.running: Dict[str, Dict[str, Any]] = {}  # what was told of those that run, by task
        self.counts = {"done": 0, "error": 0, "released": 0}
        self.failure = ""  # of the last task that failed
        self._ctx = ctx
        self._live: Optional[Live] = None

    def line(self, text: str) -> None:
        """One line of the agent's standard output."""
        told = _parse_event(text)
        if told is None:
            return log.info("%s", text)
        kind = told.pop("event")
        if kind == events.LOG:
            return log.log(logging.getLevelName(told["level"]), "%s", told["message"])
        if kind == events.AGENT_STARTED:
            self.listens = True
            if self._ctx.interrupts.drain:
                process_tree.send_group(self.pid, signal.SIGUSR1)
        elif kind == events.AGENT_FINISHED:
            self.end = (told["exit_code"], told["reason"])
        elif kind == events.TASK_STARTED:
            self.running[told["task"]] = told
            if self._ctx.settings["task"]:
                self._live = Live(told["home"])
        elif kind == events.TASK_FINISHED:
            self._task_finished(told)
        self._ctx.events.emit(kind, command="LaunchAgent", **told)

    def _task_finished(self, told: Dict[str, Any]) -> None:
        self.running.pop(told["task"], None)
        if told["outcome"] in self.counts:
            self.counts[told["outcome"]] += 1
        if told["outcome"] == "error":
            self.failure = told["reason"]
        if self._live is not None:
            self._live.finish(told.get("folder"))
            self._live = None

    def lose_all(self) -> None:
        """The agent died: what it ran is lost, and counts so."""
        for task, told in self.running.items():
            self._ctx.events.emit(
                events.TASK_FINISHED,
                command="LaunchAgent",
                task=task,
                generation=told["generation"],
                outcome="lost",
                reason="the agent died",
            )

    def error_line(self, text: str) -> None:
        """One line of its standard error: a traceback."""
        log.warning("%s", text)


def _parse_event(text: str) -> Optional[Dict[str, Any]]:
    try:
        told = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return told if isinstance(told, dict) and isinstance(told.get("event"), str) else None


def agent_orders(ctx: Context, url: str, folder: str) -> AgentConfig:
    """The built-in agent's configuration, from facts and settings. Raises UsageError when the node
    cannot obey."""
    settings, node, installed = ctx.settings, ctx.get(WorkerNode), ctx.find(Installation)
    which = isolation.which_in(ctx.environ)
    try:
        way = isolation.choose_way(settings["isolation"], which, node.user_namespaces)
    except ValueError as error:
        raise UsageError(str(error))
    places, user = features.find(ctx.environ), _payload_user(ctx, folder)
    base = environment.base_environ(ctx.environ, installed.environ if installed else {})
    base[environment.AGENT_MARK] = _mark_variable(ctx)
    tokens, proxy = owner.read_options(settings)
    power = ctx.find(CPUPower)
    if power is not None:
        base["PILOT_TASK_CPU_POWER"] = "%.1f" % power.power
    return AgentConfig(
        pool=url, pilot=ctx.pilot_id, workdir=folder,
        output_dir=os.path.abspath(settings["output_dir"] or ctx.path("outputs")),
        environ=base,
        slots=settings["slots"] or node.cores, cores=node.cores, memory_mb=node.memory_mb or None,
        gpus=[gpu.device for gpu in node.gpus],
        tags=list(settings["tags"]),
        lease_s=settings["lease_s"] if settings["pool"] else PRIVATE_LEASE_S,
        idle_s=settings["idle_s"], wait_for_retries=not settings["pool"],
        max_tasks=settings["max_tasks"], min_task_s=settings["min_task_s"],
        ends=fixed_ends(ctx, node),
        features=[places.machine, places.job],
        spot=settings["spot_notices"],
        refresh_s=REFRESH_S if settings["spot_notices"] == SPOT_CLOUDS[0] else SPOT_REFRESH_S,
        drain_files=[os.path.abspath(path) for path in settings["drain_files"]],
        isolation=way, containers=isolation.find_apptainer(which) is not None,
        stop_grace_s=min(settings["stop_grace_s"], child.STOP_S - 1),
        keep="always" if settings["task"] else settings["keep_sandboxes"],
        max_quick_failures=_quick_failures(settings),
        min_disk_mb=settings["min_disk_mb"] if "min_disk_mb" in settings else 0,
        payload_user=user, payload_ids=identity.ids_of(user),
        drains_reach_payloads=detect.warns_every_process(ctx.environ),
        hidden=_hidden_files(ctx, tokens), transfer_tokens=tokens, transfer_proxy=proxy,
    )


def _hidden_files(ctx: Context, tokens: List[List[str]]) -> List[str]:
    """Files with secrets that no payload shall see."""
    own = set(pool_token.files(ctx.environ, ctx.settings))
    return sorted(own.union(os.path.realpath(path) for _, path in tokens))


def _payload_user(ctx: Context, folder: str) -> str:
    try:
        name = identity.choose_user(ctx.settings["payload_user"], folder)
    except ValueError as error:
        raise UsageError(str(error))
    if not name and os.geteuid() == 0 and ctx.settings["payload_user"] != identity.ROOT:
        log.warning(
            "payloads run as root: %s cannot reach %s (--payload-user)", identity.NOBODY, folder
        )
    return name


def _quick_failures(settings: Any) -> int:
    """Without the option: a node spares a pool that others share; of tasks of its own nobody else
    could make more."""
    given: Optional[int] = settings["max_quick_failures"]
    return given if given is not None else QUICK_FAILURES if settings["pool"] else 0


def fixed_ends(ctx: Context, node: WorkerNode) -> Dict[str, float]:
    """The ends of this slot that are fixed, as seconds left now by source."""
    ctx.know_batch(node.batch)
    return {
        source: max(0.0, moment - time.monotonic()) for source, moment in ctx.deadline.fixed.items()
    }

"""Starts the built-in agent as a child process, and raises the error that its end stands for."""

import logging
import os
import signal
import time
from typing import List, Set, Type

from pilot.agent import child, config as agent_config, environment
from pilot.agent.orders import agent_orders, mark_variable
from pilot.agent.relay import AgentRelay, describe_death
from pilot.agent.task_pool import choose_pool, fill_pool, was_done_before
from pilot.base import prctl, process, process_tree
from pilot.base.shared_defaults import AGENT_STOP_S, STOP_REPORT_S
from pilot.context import Context
from pilot.engine import program
from pilot.errors import (
    AgentFailed,
    NodeUnfit,
    OutOfTime,
    PilotError,
    PoolUnreachable,
    UsageError,
)
from pilot.events.endings import AttemptOutcome
from pilot.facts import AgentSummary

# after the warden's grace: a process that still has the agent's mark has no warden
LOOK_S, ORPHANS_S = 0.05, 1.0
_ERRORS = {error.exit_code: error for error in (UsageError, NodeUnfit, PoolUnreachable, OutOfTime)}
log = logging.getLogger("pilot.LaunchAgent")


def prepare_agent(ctx: Context) -> List[str]:
    """Write the agent's configuration, fill its pool; returns the command line that starts it."""
    folder = _make_folder(ctx)
    os.makedirs(
        folder,
        0o755 if ctx.settings["open_files"] else 0o711 if os.geteuid() == 0 else 0o700,
        exist_ok=True,
    )
    _check_outputs(ctx.settings["output_dir"])
    path = os.path.join(folder, "agent.json")
    pool = choose_pool(ctx, folder)
    fill_pool(ctx, pool)
    text = agent_config.dump_config(agent_orders(ctx, pool, folder))
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(descriptor, "w") as stream:
        stream.write(text)
    return program.start_argv("pilot.agent", folder) + [path]


def _make_folder(ctx: Context) -> str:
    return ctx.path("pilot-" + ctx.pilot_id)


def _check_outputs(folder: str) -> None:
    """Check the folder of outputs before any task runs, so that not every task fails."""
    if not folder:
        return
    try:
        os.makedirs(folder, exist_ok=True)
    except OSError as error:
        raise NodeUnfit("--output-dir %s cannot be made here: %s" % (folder, error.strerror))
    if not os.access(folder, os.W_OK | os.X_OK):
        raise NodeUnfit("--output-dir %s cannot be written here" % folder)


def run_built_in_agent(ctx: Context, argv: List[str]) -> AgentSummary:
    """Run the built-in agent; raises the error that its end stands for."""
    relay, pool = AgentRelay(ctx), choose_pool(ctx, _make_folder(ctx))
    # the kernel gives us the orphans of an agent that was killed together with its warden
    prctl.ask(prctl.CHILD_SUBREAPER, 1)
    before = set(process_tree.children(os.getpid()))
    try:
        environ = dict(child.agent_environ(ctx), **{agent_config.POOL_VARIABLE: pool.url})
        result = child.watch_agent(ctx, argv, relay, environ)
        if relay.end is None:
            relay.lose_all()
            grace_s = min(ctx.settings["stop_grace_s"], AGENT_STOP_S - STOP_REPORT_S)
            _end_orphans(mark_variable(ctx), before, grace_s + ORPHANS_S)
        outcome = _raise_end(result, relay)
    except PoolUnreachable as error:
        raise pool.failure(error)
    if ctx.settings["task"] and relay.failure:
        raise AgentFailed("the task failed: %s" % relay.failure)
    if ctx.settings["task"] and not outcome.done and not was_done_before(pool):
        raise AgentFailed("the task was not run: %s" % outcome.reason)
    return outcome


def _end_orphans(mark: str, before: Set[int], patience_s: float) -> None:
    """End the processes of an agent that died. Its warden ends them within its grace; those that
    are left after that had no warden."""
    def left() -> List[process_tree.Process]:
        adopted = [pid for pid in process_tree.children(os.getpid()) if pid not in before]
        orphans = [process_tree.look_up(pid) for pid in adopted] + [
            one for pid in adopted for one in process_tree.descendants(pid)
        ]
        orphans += [
            one
            for one in process_tree.everything()
            if process_tree.variable(one.pid, environment.AGENT_MARK) == mark
        ]
        return [one for one in orphans if one is not None and one.state != "Z"]

    deadline = time.monotonic() + patience_s
    while left() and time.monotonic() < deadline:
        time.sleep(LOOK_S)
    ended = process_tree.send(left(), signal.SIGKILL)
    if ended:
        log.warning("the agent's warden had died, too: %d processes of payloads were ended", ended)


def _raise_end(result: process.Result, relay: AgentRelay) -> AgentSummary:
    if relay.end is None:
        raise AgentFailed(describe_death(result, relay))
    code, reason = relay.end
    if code:
        error: Type[PilotError] = _ERRORS.get(code, AgentFailed)
        raise error(reason)
    reported = (AttemptOutcome.DONE, AttemptOutcome.ERROR, AttemptOutcome.RELEASED)
    done, failed, released = [relay.counts[outcome] for outcome in reported]
    log.info("%d tasks done, %d failed, %d released: %s", done, failed, released, reason)
    return AgentSummary(done, failed, released, reason)

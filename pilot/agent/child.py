"""Runs any agent as a child process: sets its environment, relays its output and signals, reports
how it exited."""

import logging
import shlex
import signal
from typing import Dict, List, Optional

from pilot.base import pool_token, prctl, process, process_tree
from pilot.context import Context
from pilot.errors import AgentFailed
from pilot.facts import AgentSummary, Configuration, Installation
from pilot.base.log import passwords
from pilot.base.shared_defaults import AGENT_STOP_S, FOREVER_S, STOP_WITHIN_S

TELL_S = STOP_WITHIN_S - AGENT_STOP_S  # for the report, after all payloads have ended
ENDING_S = AGENT_STOP_S + 2 * TELL_S  # how long before the slot's end the pilot stops the agent
log = logging.getLogger("pilot.LaunchAgent")


class Watched:
    """Reads the output of an agent. Every line of an agent that is not the built-in one goes into
    the log."""

    def __init__(self) -> None:
        self.pid = 0
        # whether the agent handles the drain signal: before that the signal would kill it
        self.listens = True

    def line(self, text: str) -> None:
        """Handle one line of its standard output."""
        log.info("%s", text)

    def error_line(self, text: str) -> None:
        """Handle one line of its standard error."""
        log.info("%s", text)

    def drain(self, signum: int) -> None:
        """The pilot got a request to drain: the agent finishes what runs and starts nothing
        more."""
        if self.listens:
            process_tree.send_group(self.pid, signum)


def run_foreign_agent(
    ctx: Context,
    argv: List[str],
    agent: Optional[Watched] = None,
    environ: Optional[Dict[str, str]] = None,
) -> AgentSummary:
    """Run an agent that is not the built-in one until it exits. AgentFailed when it failed."""
    result = watch_agent(ctx, argv, agent or Watched(), environ)
    if result.exit_code != 0:
        raise AgentFailed(result.describe_end())
    return AgentSummary(0, 0, 0, "the program ended well")


def watch_agent(
    ctx: Context, argv: List[str], agent: Watched, environ: Optional[Dict[str, str]] = None
) -> process.Result:
    """Start an agent, relay its output, pass signals to it; returns how it exited. `environ`
    replaces the usual environment."""
    log.info("starting %s", " ".join(shlex.quote(word) for word in argv))

    _hide_environment(ctx)

    def forward(signum: int) -> None:
        if agent.pid and signum in (signal.SIGUSR1, signal.SIGUSR2):
            agent.drain(signum)
        elif agent.pid:
            process_tree.send_group(agent.pid, signal.SIGTERM)

    def started(pid: int) -> None:
        agent.pid = pid
        if ctx.interrupts.drain:  # the request to drain came before the agent's process started
            agent.drain(signal.SIGUSR1)

    with ctx.interrupts.listening(forward):
        return process.run(
            argv,
            timeout_s=FOREVER_S,
            ok=None,
            environ=agent_environ(ctx) if environ is None else environ,
            cwd=ctx.workdir,
            grace_s=grace_s(ctx),
            on_line=agent.line,
            on_error_line=agent.error_line,
            on_start=started,
            keep=1 << 16,
        )


def _hide_environment(ctx: Context) -> None:
    """Whether the variable holds a token, or the password of a broker."""
    tokens = any(name.startswith(("PILOT_POOL_TOKEN", "BEARER_TOKEN")) for name in ctx.environ)
    if (
        tokens
        or ctx.settings.secrets()
        or any(passwords(text) for text in ctx.environ.values() if "://" in text)
    ):
        prctl.hide_environment()


def grace_s(ctx: Context) -> float:
    """Seconds from SIGTERM to SIGKILL for an agent; fewer in a short slot."""
    end, left = ctx.deadline.end(), ctx.time_left_s(ENDING_S)
    return (
        AGENT_STOP_S
        if end is None or left is None
        else max(TELL_S, min(AGENT_STOP_S, end.left_s - left - TELL_S))
    )


def agent_environ(ctx: Context) -> Dict[str, str]:
    """The environment of an agent: the pilot's variables, those of the installed software, and the
    paths of the pilot's files."""
    installed = ctx.find(Installation)
    environ = dict(ctx.environ, **(installed.environ if installed else {}))
    configuration = ctx.find(Configuration)
    if configuration is not None:
        environ["PILOT_AGENT_CONFIG"] = configuration.path
    environ["PILOT_ID"] = ctx.pilot_id
    environ.update(pool_token.own_variables(environ, ctx.settings))
    return environ

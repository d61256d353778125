"""Around an agent's process, whosesoever it is: its environ, its lines told on, signals passed
on, its end."""

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

TELL_S = STOP_WITHIN_S - AGENT_STOP_S  # for the report, after everything has ended
ENDING_S = AGENT_STOP_S + 2 * TELL_S  # before the slot's end an agent is told to stop
log = logging.getLogger("pilot.LaunchAgent")


class Watched:
    """What is heard of an agent. Of one that is not ours every line is a line of the log."""

    def __init__(self) -> None:
        self.pid = 0
        # whether it hears a wish to drain; one that does not yet would die of it
        self.listens = True

    def line(self, text: str) -> None:
        """One line of its standard output."""
        log.info("%s", text)

    def error_line(self, text: str) -> None:
        """One line of its standard error."""
        log.info("%s", text)

    def drain(self, signum: int) -> None:
        """The pilot is asked to finish what runs and begin nothing more."""
        if self.listens:
            process_tree.send_group(self.pid, signum)


def run_foreign_agent(
    ctx: Context,
    argv: List[str],
    agent: Optional[Watched] = None,
    environ: Optional[Dict[str, str]] = None,
) -> AgentSummary:
    """Run an agent that is not ours to its end. AgentFailed when it ended badly."""
    result = watch_agent(ctx, argv, agent or Watched(), environ)
    if result.exit_code != 0:
        raise AgentFailed(result.describe_end())
    return AgentSummary(0, 0, 0, "the program ended well")


def watch_agent(
    ctx: Context, argv: List[str], agent: Watched, environ: Optional[Dict[str, str]] = None
) -> process.Result:
    """Start an agent, hear it, pass signals on; returns how it ended. `environ`: its whole
    environment, where it is not the usual one."""
    log.info("starting %s", " ".join(shlex.quote(word) for word in argv))

    _hide_environment(ctx)

    def forward(signum: int) -> None:
        if agent.pid and signum in (signal.SIGUSR1, signal.SIGUSR2):
            agent.drain(signum)
        elif agent.pid:
            process_tree.send_group(agent.pid, signal.SIGTERM)

    def started(pid: int) -> None:
        agent.pid = pid
        if ctx.interrupts.drain:  # asked while there was no process to pass it to
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
    """Where it holds a token, or the password of a broker."""
    tokens = any(name.startswith(("PILOT_POOL_TOKEN", "BEARER_TOKEN")) for name in ctx.environ)
    if (
        tokens
        or ctx.settings.secrets()
        or any(passwords(text) for text in ctx.environ.values() if "://" in text)
    ):
        prctl.hide_environment()


def grace_s(ctx: Context) -> float:
    """From SIGTERM to SIGKILL for an agent: in a short slot less."""
    end, left = ctx.deadline.end(), ctx.time_left_s(ENDING_S)
    return (
        AGENT_STOP_S
        if end is None or left is None
        else max(TELL_S, min(AGENT_STOP_S, end.left_s - left - TELL_S))
    )


def agent_environ(ctx: Context) -> Dict[str, str]:
    """What an agent finds in its environment: the pilot's, the installed software's, where things
    are."""
    installed = ctx.find(Installation)
    found = dict(ctx.environ, **(installed.environ if installed else {}))
    configuration = ctx.find(Configuration)
    if configuration is not None:
        found["PILOT_AGENT_CONFIG"] = configuration.path
    found["PILOT_ID"] = ctx.pilot_id
    found.update(pool_token.variables(ctx.settings))
    return found

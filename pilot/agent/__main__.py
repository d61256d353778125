"""`-m pilot.agent CONFIG.json`: the agent as a process of its own; it writes its events to stdout,
one JSON object per line."""

import json
import logging
import os
import sys
import time
import uuid
from typing import List, Optional, Sequence

from pilot.engine import program
from pilot.base import prctl
from pilot.base.interrupts import DRAIN_SIGNALS, STOP_SIGNALS
from pilot.agent import confine, config as configuration, pool_queries, isolation
from pilot.agent.agent import Agent
from pilot.agent.clock import boot_s
from pilot.agent.config import AgentConfig
from pilot.agent.environment import AGENT_MARK
from pilot.agent.leases import Leases
from pilot.agent.loop import ChildExit, Loop
from pilot.agent.marks import Marks
from pilot.agent.timing import AgentEnd, EndKind
from pilot.agent.payload_context import PayloadContext
from pilot.agent.sandbox import Sandboxes
from pilot.agent.strays import Strays
from pilot.agent.warden_client import Warden
from pilot.errors import (
    AgentFailed,
    NodeUnfit,
    OutOfTime,
    PilotError,
    PoolUnreachable,
    UsageError,
    lacking,
)
from pilot.node.deadline import Deadline
from pilot.node.features import Features
from pilot.node.poller import ends_reader
from pilot.pool import open_pool
from pilot.pool.interface import Busy, Pool
from pilot.events import event as events

SIGNALS = STOP_SIGNALS + DRAIN_SIGNALS
BACKLOG_BYTES = 1 << 20
TOGETHER_S = 0.02
MAX_PATIENCE_S = 30.0
WARDEN_S = 1.0  # minimum interval between two starts of a warden that keeps exiting
log = logging.getLogger("pilot.agent")


class Teller:
    """Writes events without ever blocking: a slow reader gets them later, a closed pipe never. With
    a loop, it writes the events of one moment together."""

    def __init__(self, descriptor: int) -> None:
        self.loop: Optional[Loop] = None
        self._descriptor, self._backlog, self._waiting = descriptor, b"", False
        os.set_blocking(descriptor, False)

    def __call__(self, event: str, **fields: object) -> None:
        """Emit one event."""
        line = (json.dumps(dict(fields, event=event)) + "\n").encode()
        if len(self._backlog) + len(line) <= BACKLOG_BYTES:
            self._backlog += line
        if self.loop is None:
            self._push_events()
        elif not self._waiting:
            self._waiting = True
            self.loop.after(TOGETHER_S, self._push_events)

    def close(self) -> None:
        """Write the rest. The last events may block: the pilot reads them before it does anything
        else."""
        os.set_blocking(self._descriptor, True)
        self._push_events()

    def _push_events(self) -> None:
        self._waiting = False
        try:
            while self._backlog:
                self._backlog = self._backlog[os.write(self._descriptor, self._backlog):]
        except BlockingIOError:
            pass
        except OSError:
            self._backlog = b""


class TellHandler(logging.Handler):
    """Emits log records as events."""

    def __init__(self, tell: Teller) -> None:
        super().__init__()
        self._tell = tell

    def emit(self, record: logging.LogRecord) -> None:
        """One record."""
        self._tell(events.LOG, level=record.levelname, message=record.getMessage())


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Returns 0, or the code of the error in the last event ("agent finished")."""
    words: List[str] = list(sys.argv[1:] if argv is None else argv)
    if len(words) != 1:
        raise UsageError("usage: -m pilot.agent CONFIG.json")
    with open(words[0]) as stream:
        config = configuration.load_config(stream.read())
    tell = Teller(1)
    logging.getLogger("pilot").handlers[:] = [TellHandler(tell)]
    logging.getLogger("pilot").setLevel(logging.INFO)
    code, reason = 0, ""
    try:
        end = run_agent(config, tell)
        reason = end.reason
        code = {
            EndKind.POOL: PoolUnreachable.exit_code,
            EndKind.TIME: OutOfTime.exit_code,
            EndKind.NODE: NodeUnfit.exit_code,
        }.get(end.kind, 0)
    except Busy as error:
        code, reason = PoolUnreachable.exit_code, str(error)
    except PilotError as error:
        code, reason = error.exit_code, str(error)
    # the payload folder, descriptors or threads are missing: no payload can run here
    except (OSError, RuntimeError) as error:
        if not isinstance(error, OSError) and not lacking(error):
            raise
        code, reason = (
            (NodeUnfit.exit_code, lacking(error))
            if lacking(error)
            else (AgentFailed.exit_code, "%s" % error)
        )
    tell(events.AGENT_FINISHED, exit_code=code, reason=reason)
    tell.close()
    return code


def run_agent(config: AgentConfig, tell: Teller) -> AgentEnd:
    """Work until a reason to end comes; returns that reason."""
    starter, url = os.getppid(), os.environ[configuration.POOL_VARIABLE]
    mark = config.environ.setdefault(AGENT_MARK, uuid.uuid4().hex)
    prctl.hide_environment()
    warden = Warden(
        program.start_argv("pilot.agent.warden", config.workdir), mark, config.stop_grace_s
    )
    bind_to_starter()
    sandboxes = Sandboxes(
        os.path.join(config.workdir, "tasks"), config.isolation == "none", config.payload_ids
    )
    agents: List[Agent] = []
    leases = Leases(config.lease_s, config.stop_grace_s, boot_s)
    loop = Loop(SIGNALS, lambda signum: agents[0].stopping.on_signal(signum), lambda: agents[0].sweep())
    tell.loop = loop
    keep_watched(loop, warden)
    confinement = confine.Confinement(confine.delegated_parent())
    which = isolation.which_in(config.environ)
    shared = PayloadContext(
        config, loop, Strays(warden), confinement, which, sandboxes, tell, Marks(),
        lambda lease: leases.end_of((lease.task, lease.generation)),
    )
    read_ends = ends_reader(Features(*config.features), config.spot, config.refresh_s)
    deadline = Deadline(config.ends, read_ends, config.drain_files)

    def open_another() -> Pool:
        return open_patient_pool(open_pool(url), config)

    with open_pool(url) as pool:
        lanes = pool_queries.PoolQueries(loop, open_patient_pool(pool, config), open_another)
        agent = Agent(lanes, shared, deadline, leases)
        agents.append(agent)
        run_loop(agent, loop, starter, tell)
    warden.close()
    return agent.end or AgentEnd(EndKind.WORK, "")


def keep_watched(loop: Loop, warden: Warden) -> None:
    """Start another warden whenever one is killed: at once, or after a delay if the killed one had
    run only briefly."""
    begun = [time.monotonic()]

    def ended(_: ChildExit) -> None:
        log.warning("the agent's warden was killed: another is started")
        soon = time.monotonic() - begun[0] < WARDEN_S
        loop.after(WARDEN_S if soon else 0.0, start)

    def start() -> None:
        begun[0] = time.monotonic()
        try:
            warden.replace()
        except OSError as error:
            log.warning("no warden can be started: %s", error)
            loop.after(WARDEN_S, start)
        else:
            loop.watch_child(warden.pid, lambda: None, ended)

    loop.watch_child(warden.pid, lambda: None, ended)


def open_patient_pool(pool: Pool, config: AgentConfig) -> Pool:
    """Open the pool, with a time limit on its answers that is well below the length of a lease."""
    pool.patience(min(MAX_PATIENCE_S, max(1.0, config.lease_s / 5)))
    return pool


def run_loop(agent: Agent, loop: Loop, starter: int, tell: Teller) -> None:
    """Run the loop from the first claim to the last report."""
    loop.watch_broken(1, agent.stopping.on_pilot_gone)
    if os.getppid() != starter:
        agent.stopping.on_pilot_gone()
    tell(events.AGENT_STARTED, pid=os.getpid())
    agent.begin()
    loop.run()
    agent.sweep()


def bind_to_starter() -> None:
    """Get SIGTERM when the pilot dies (where the kernel does not send it, the broken pipe reports
    it), and adopt the orphans of payloads."""
    prctl.die_with_parent()
    prctl.ask(prctl.CHILD_SUBREAPER, 1)


if __name__ == "__main__":
    sys.exit(main())

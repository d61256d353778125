"""The pool of a pilot's agent: one that pilots share, or this pilot's private one."""

import logging
import os
from typing import NamedTuple, Optional

from pilot.agent import child
from pilot.context import Context
from pilot.errors import NodeUnfit, PilotError, PoolUnreachable
from pilot.events.endings import TaskState
from pilot.pool import open_pool
from pilot.pool.interface import Busy, Denied
from pilot.pool.task import read_file, read_one
from pilot.engine.settings import Settings

# no other pilot claims there: a slot that is suspended for long loses no lease
PRIVATE_LEASE_S = 7 * 86400.0
# the tasks of --tasks belong to this pilot alone: a retry needs no long delay
PRIVATE_BACKOFF_S = 1.0
QUICK_FAILURES = 20
# bytes of the folder that holds a pool: pilot.pool.sqlite_file's MAX_PATH, less the file's name
LONGEST = 480
log = logging.getLogger("pilot.LaunchAgent")


class AgentPool(NamedTuple):
    """A pool's URL, whether the pool is private, and the defaults that follow from that."""

    url: str
    private: bool

    def lease_s(self, settings: Settings) -> float:
        """The length of a lease."""
        return PRIVATE_LEASE_S if self.private else float(settings["lease_s"])

    def max_quick_failures(self, settings: Settings) -> int:
        """After how many quick failures in a row the agent ends. A failing node must not drain a
        pool that other pilots share; no other pilot can run the tasks of a private one."""
        given: Optional[int] = settings["max_quick_failures"]
        return given if given is not None else 0 if self.private else QUICK_FAILURES

    def failure(self, error: Exception) -> PilotError:
        """The error of the pilot when this pool fails: a private one fails with the node."""
        if self.private:
            return NodeUnfit("the workdir, which holds the tasks, fails: %s" % error)
        return PoolUnreachable(str(error))


def choose_pool(ctx: Context, folder: str) -> AgentPool:
    """--pool, or a private pool in `folder`. NodeUnfit where its path is too long."""
    given: Optional[str] = ctx.settings["pool"]
    if not given:
        _check_length(ctx, folder)
    url = given or "sqlite:" + os.path.join(folder, "pool.sqlite")
    if url.startswith("sqlite:"):
        url = "sqlite:" + os.path.abspath(url[len("sqlite:"):])
    return AgentPool(url, not given)


def _check_length(ctx: Context, folder: str) -> None:
    size = len(os.fsencode(folder))
    if size > LONGEST:
        workdir = len(os.fsencode(ctx.workdir))
        raise NodeUnfit(
            "the workdir's path has %d bytes, SQLite takes no more than %d: give a shorter --workdir"
            % (workdir, LONGEST - size + workdir)
        )


def fill_pool(ctx: Context, pool: AgentPool) -> None:
    """Add the tasks of --tasks or --task to the pool; without them, check that agents can use the
    pool. Raises Denied, Busy (of a shared file), NodeUnfit, PoolUnreachable, UsageError."""
    one, several = ctx.settings["task"], ctx.settings["tasks"]
    try:
        if not one and not several:
            return _check_pool(pool.url, ctx)
        backoff_s = PRIVATE_BACKOFF_S if pool.private else None
        environ = child.agent_environ(ctx)
        with open_pool(pool.url, create=True, backoff_s=backoff_s, environ=environ) as store:
            if pool.private:
                store.take_back()
            added, known = store.add([read_one(one)] if one else read_file(several))
    except Busy as error:
        if not pool.private:
            raise PoolUnreachable(str(error))
        raise NodeUnfit("the workdir cannot hold the tasks: %s" % error)
    log.info("tasks: %d from %s in %s", added + known, one or several, pool.url)


def _check_pool(url: str, ctx: Context) -> None:
    """Raise only when no agent can work with this pool: Denied (and Busy for a file)."""
    with open_pool(url, environ=child.agent_environ(ctx)) as pool:
        try:
            if pool.remote:
                pool.status()
        except Denied:
            raise
        except Busy as error:  # the server may come back while the agent retries
            log.warning("%s", error)


def was_done_before(pool: AgentPool) -> bool:
    """Whether an earlier run of this pilot id has finished its one task already."""
    with open_pool(pool.url) as store:
        return bool(store.status()[TaskState.DONE])

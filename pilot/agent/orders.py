"""Makes the built-in agent's configuration from facts and settings."""

import logging
import os
import time
from typing import Dict, List

from pilot.agent import environment, identity, isolation, owner
from pilot.agent.config import AgentConfig
from pilot.agent.task_pool import AgentPool
from pilot.base import pool_token
from pilot.base.shared_defaults import AGENT_STOP_S, SPOT_CLOUDS, STOP_REPORT_S
from pilot.context import Context
from pilot.errors import UsageError
from pilot.facts import CPUPower, Installation, WorkerNode
from pilot.node import features
from pilot.node.batch import detect

# interval at which the agent reads the ends that may move; a spot notice leaves 30 s to 2 min
REFRESH_S, SPOT_REFRESH_S = 15.0, 5.0
log = logging.getLogger("pilot.LaunchAgent")


def mark_variable(ctx: Context) -> str:
    """The mark in the environment of every process that this pilot's agent starts."""
    return "%s/%d" % (ctx.pilot_id, os.getpid())


def agent_orders(ctx: Context, pool: AgentPool, folder: str) -> AgentConfig:
    """The built-in agent's configuration, from facts and settings. Raises UsageError when the node
    does not support a setting."""
    settings, node, installed = ctx.settings, ctx.get(WorkerNode), ctx.find(Installation)
    which = isolation.which_in(ctx.environ)
    try:
        way = isolation.choose_way(settings["isolation"], which, node.user_namespaces)
    except ValueError as error:
        raise UsageError(str(error))
    places, user = features.find(ctx.environ), _payload_user(ctx, folder)
    base = environment.base_environ(ctx.environ, installed.environ if installed else {})
    base[environment.AGENT_MARK] = mark_variable(ctx)
    tokens, proxy = owner.read_options(settings)
    power = ctx.find(CPUPower)
    if power is not None:
        base["PILOT_TASK_CPU_POWER"] = "%.1f" % power.power
    return AgentConfig(
        pilot=ctx.pilot_id, workdir=folder,
        output_dir=os.path.abspath(settings["output_dir"] or ctx.path("outputs")),
        environ=base,
        slots=settings["slots"] or node.cores, cores=node.cores, memory_mb=node.memory_mb or None,
        gpus=[gpu.device for gpu in node.gpus],
        tags=list(settings["tags"]),
        lease_s=pool.lease_s(settings),
        idle_s=settings["idle_s"], wait_for_retries=pool.private,
        max_tasks=settings["max_tasks"], min_task_s=settings["min_task_s"],
        ends=fixed_ends(ctx, node),
        features=[places.machine, places.job],
        spot=settings["spot_notices"],
        refresh_s=REFRESH_S if settings["spot_notices"] == SPOT_CLOUDS[0] else SPOT_REFRESH_S,
        drain_files=[os.path.abspath(path) for path in settings["drain_files"]],
        isolation=way, containers=isolation.find_apptainer(which) is not None,
        stop_grace_s=min(settings["stop_grace_s"], AGENT_STOP_S - STOP_REPORT_S),
        keep="always" if settings["task"] else settings["keep_sandboxes"],
        max_quick_failures=pool.max_quick_failures(settings),
        min_disk_mb=settings["min_disk_mb"] if "min_disk_mb" in settings else 0,
        payload_user=user, payload_ids=identity.ids_of(user),
        drains_reach_payloads=detect.warns_every_process(ctx.environ),
        hidden=_hidden_files(ctx, tokens), transfer_tokens=tokens, transfer_proxy=proxy,
    )


def _hidden_files(ctx: Context, tokens: List[List[str]]) -> List[str]:
    """Files with secrets that payloads must not read."""
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


def fixed_ends(ctx: Context, node: WorkerNode) -> Dict[str, float]:
    """The fixed ends of this slot, as seconds left now by source."""
    ctx.know_batch(node.batch)
    return {
        source: max(0.0, moment - time.monotonic()) for source, moment in ctx.deadline.fixed.items()
    }

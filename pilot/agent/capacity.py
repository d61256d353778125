"""Which part of the slot is free, and what the agent offers to the pool for it. Pure functions."""

from typing import Any, Dict, Iterable, List, NamedTuple, Optional

from pilot.agent.config import AgentConfig
from pilot.pool.interface import Offer


class Capacity(NamedTuple):
    """What an agent may assign to payloads. `memory_mb` is None where the memory is not known; then
    the agent does not limit it."""

    slots: int
    cores: int
    memory_mb: Optional[int]
    gpus: List[str]


def whole_slot(config: AgentConfig) -> Capacity:
    """The capacity of the slot while nothing runs. The operator may set more slots than cores; then
    payloads share cores."""
    return Capacity(
        config.slots, max(config.cores, config.slots), config.memory_mb, list(config.gpus)
    )


def free_part(
    capacity: Capacity, running: Iterable[Dict[str, Any]], taken_gpus: Iterable[str]
) -> Capacity:
    """The capacity that is left while tasks of these specs run on these GPUs."""
    specs, taken = list(running), set(taken_gpus)
    memory = capacity.memory_mb
    if memory is not None:
        memory -= sum(spec.get("memory_mb", 0) for spec in specs)
    return Capacity(
        capacity.slots - len(specs),
        capacity.cores - sum(spec.get("cores", 1) for spec in specs),
        memory,
        [gpu for gpu in capacity.gpus if gpu not in taken],
    )


def fits(left: Capacity, spec: Dict[str, Any]) -> bool:
    """Whether a task of this spec can start now."""
    enough = left.memory_mb is None or spec.get("memory_mb", 0) <= left.memory_mb
    return (
        left.slots >= 1
        and spec.get("cores", 1) <= left.cores
        and spec.get("gpus", 0) <= len(left.gpus)
        and enough
    )


def make_offer(
    left: Capacity, config: AgentConfig, time_left_s: Optional[float]
) -> Optional[Offer]:
    """The offer to send to the pool, or None when no further task fits."""
    if left.slots < 1 or left.cores < 1 or (time_left_s is not None and time_left_s <= 0):
        return None
    unbounded = time_left_s is None or time_left_s >= config.min_task_s
    return Offer(
        left.cores,
        left.memory_mb,
        len(left.gpus),
        time_left_s,
        tuple(config.tags),
        config.containers,
        unbounded,
    )

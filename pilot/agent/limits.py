"""What a payload may use, and the sentence when it uses more. Pure functions."""

from typing import Any, Dict, NamedTuple, Optional

from pilot.agent.config import AgentConfig


class PayloadLimits(NamedTuple):
    """Limits of one payload; None where it has no limit. Sizes in MB, times in seconds."""

    walltime_s: Optional[float]
    cpu_s: Optional[float]
    memory_mb: Optional[float]
    disk_mb: Optional[float]
    output_mb: Optional[float]
    silence_s: Optional[float]


class Sample(NamedTuple):
    """What the payload's process tree uses now."""

    cpu_s: float
    memory_mb: float
    disk_mb: float
    output_mb: float
    silent_s: float


NOTHING = Sample(0.0, 0.0, 0.0, 0.0, 0.0)
OVERHEAD_MB = 80.0  # for pilot, agent and warden; at most a tenth of a small slot


def limits_of(spec: Dict[str, Any], config: Optional[AgentConfig] = None) -> PayloadLimits:
    """The limits of a task: its requests are also its limits; "limits" adds to them. A task without
    a memory request gets the share of its cores, so that no payload uses the memory of the whole
    slot."""
    limits = spec.get("limits", {})
    share = None if config is None else share_mb(config, spec.get("cores", 1))
    return PayloadLimits(
        spec.get("walltime_s"),
        limits.get("cpu_s"),
        limits.get("memory_mb", spec.get("memory_mb", share)),
        limits.get("disk_mb"),
        limits.get("output_mb"),
        limits.get("silence_s"),
    )


def share_mb(config: AgentConfig, cores: int) -> Optional[float]:
    """The memory share of so many cores; None where the slot's memory is not known."""
    if config.memory_mb is None:
        return None
    usable = config.memory_mb - min(OVERHEAD_MB, config.memory_mb / 10.0)
    return float(int(usable * min(1.0, cores / float(max(config.cores, config.slots)))))


def next_look_s(
    limits: PayloadLimits, before: Sample, now: Sample, seconds: float, soonest_s: float, latest_s: float
) -> float:
    """Half the time until the payload passes the first limit, if usage grows as between these two
    samples."""
    next_s = latest_s
    for limit, then, used in (
        (limits.memory_mb, before.memory_mb, now.memory_mb),
        (limits.disk_mb, before.disk_mb, now.disk_mb),
        (limits.output_mb, before.output_mb, now.output_mb),
    ):
        if limit is not None and used > then and seconds > 0:
            next_s = min(next_s, (limit - used) / ((used - then) / seconds) / 2)
    return max(soonest_s, next_s)


def find_breach(limits: PayloadLimits, sample: Sample) -> Optional[str]:
    """The first limit that the payload has passed, as a sentence; None when it has passed no
    limit."""
    for what, used, limit, unit in (
        ("memory", sample.memory_mb, limits.memory_mb, "MB"),
        ("disk", sample.disk_mb, limits.disk_mb, "MB"),
        ("output", sample.output_mb, limits.output_mb, "MB"),
        ("CPU time", sample.cpu_s, limits.cpu_s, "s"),
        ("silence", sample.silent_s, limits.silence_s, "s"),
    ):
        if limit is not None and used > limit:
            return "%s limit passed: %.0f %s, allowed %g" % (what, used, unit, limit)
    return None

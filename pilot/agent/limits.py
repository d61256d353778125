"""What a payload may use, and the sentence when it uses more: pure."""

from typing import Any, Dict, NamedTuple, Optional


class Limits(NamedTuple):
    """Limits of one payload; None where there is none. Sizes in MB, times in seconds."""

    walltime_s: Optional[float]
    cpu_s: Optional[float]
    memory_mb: Optional[float]
    disk_mb: Optional[float]
    output_mb: Optional[float]
    silence_s: Optional[float]

    def sampled(self) -> bool:
        """Whether anything but the wall clock must be watched."""
        return any(limit is not None for limit in self[1:])


class Sample(NamedTuple):
    """What the payload's whole tree uses now."""

    cpu_s: float
    memory_mb: float
    disk_mb: float
    output_mb: float
    silent_s: float


def of(spec: Dict[str, Any]) -> Limits:
    """The limits of a task: what it asks for is also what it may use; "limits" adds to that."""
    limits = spec.get("limits", {})
    return Limits(spec.get("walltime_s"), limits.get("cpu_s"), limits.get("memory_mb", spec.get("memory_mb")),
                  limits.get("disk_mb"), limits.get("output_mb"), limits.get("silence_s"))


def breach(limits: Limits, sample: Sample) -> Optional[str]:
    """The first limit that is passed, as a sentence; None when all is well."""
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

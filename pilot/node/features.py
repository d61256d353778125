"""Machine/Job Features (HSF-TN-2016-02): keys in a directory or behind a URL, both read the same way.

Values are parsed defensively: managers are known to write other things into them.
"""

import os
from typing import Dict, NamedTuple, Optional

from pilot.errors import StepFailed

TIMEOUT_S = 5.0
MAX_BYTES = 4096


class Features(NamedTuple):
    """Where the features lie; None where the environment names no place."""

    machine: Optional[str]
    job: Optional[str]


def find(environ: Dict[str, str]) -> Features:
    """The places that $MACHINEFEATURES and $JOBFEATURES name."""
    return Features(_place(environ.get("MACHINEFEATURES")), _place(environ.get("JOBFEATURES")))


def _place(text: Optional[str]) -> Optional[str]:
    text = (text or "").strip().rstrip("/")
    if text.startswith("file://"):
        text = text[len("file://"):]
    return text if text.startswith(("/", "http://", "https://")) else None


def read(place: Optional[str], key: str) -> Optional[str]:
    """The value of a key now, stripped; None when it is absent, empty or cannot be had."""
    if place is None:
        return None
    try:
        if place.startswith("/"):
            with open(os.path.join(place, key), "rb") as stream:
                data = stream.read(MAX_BYTES)
        else:
            from pilot import fetch  # only where features are behind a URL

            data = fetch.get(place + "/" + key, TIMEOUT_S, attempts=1, max_bytes=MAX_BYTES)
    except (OSError, StepFailed):
        return None
    return data.decode("utf-8", "replace").strip() or None


def number(text: Optional[str]) -> Optional[float]:
    """A value as a number of 0 or more; None when it is none (Vcycle puts a UUID into jobstart_secs)."""
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if 0 <= value < float("inf") else None


def cores(features: Features) -> Optional[int]:
    """allocated_cpu of the job."""
    value = number(read(features.job, "allocated_cpu"))
    return int(value) if value else None


def memory_mb(features: Features) -> Optional[int]:
    """max_rss_bytes of the job in MiB."""
    value = number(read(features.job, "max_rss_bytes"))
    return int(value / 1048576) if value else None


def disk_mb(features: Features) -> Optional[int]:
    """scratch_limit_bytes of the job in MiB."""
    value = number(read(features.job, "scratch_limit_bytes"))
    return int(value / 1048576) if value else None


def ends(features: Features) -> Dict[str, float]:
    """When this slot ends, in seconds since the epoch, by the key that says so; read anew at each call."""
    found = {
        "MACHINEFEATURES/shutdowntime": number(read(features.machine, "shutdowntime")),
        "JOBFEATURES/shutdowntime_job": number(read(features.job, "shutdowntime_job")),
        "JOBFEATURES/wall_limit_secs": wall_end(read(features.job, "jobstart_secs"), read(features.job, "wall_limit_secs")),
    }
    return {key: value for key, value in found.items() if value is not None}


def wall_end(jobstart: Optional[str], limit: Optional[str]) -> Optional[float]:
    """jobstart_secs + wall_limit_secs, when both are numbers; the limit is not scaled by cores."""
    start, seconds = number(jobstart), number(limit)
    return start + seconds if start and seconds else None

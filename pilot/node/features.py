"""Machine/Job Features (HSF-TN-2016-02): keys in a directory or behind a URL, both read the same
way.

Values are parsed defensively: managers are known to write other things into them.
"""

import os
from typing import TYPE_CHECKING, Dict, Optional, Set

from pilot.errors import ConfigurationFailed, StepFailed

if TYPE_CHECKING:
    import ssl

TIMEOUT_S = 5.0
MAX_BYTES = 4096
NOT_THERE = 404


class Features:
    """Where the features lie; None where the environment names no place. A web server that does not
    answer once is not asked again by this reader: each question to a dead one takes seconds."""

    def __init__(self, machine: Optional[str], job: Optional[str]) -> None:
        self.machine, self.job = machine, job
        self._silent: Set[str] = set()
        # made once a reader: it takes as long as a question
        self._tls: "Optional[ssl.SSLContext]" = None

    def is_remote(self) -> bool:
        """Whether reading may take time: a place is behind a URL."""
        return any(
            place is not None and not place.startswith("/") for place in (self.machine, self.job)
        )

    def read_key(self, place: Optional[str], key: str) -> Optional[str]:
        """The value of a key now, stripped; None when it is absent, empty or cannot be had."""
        if place is None or place in self._silent:
            return None
        try:
            return self._read_bytes(place, key).decode("utf-8", "replace").strip() or None
        except OSError:
            return None
        except (ImportError, StepFailed) as error:
            if getattr(error, "status", None) != NOT_THERE:
                self._silent.add(place)
            return None

    def _read_bytes(self, place: str, key: str) -> bytes:
        if place.startswith("/"):
            with open(os.path.join(place, key), "rb") as stream:
                return stream.read(MAX_BYTES)
        from pilot.base import fetch  # only where features are behind a URL

        self._tls = self._tls or tls_of(place)
        return fetch.get(
            place + "/" + key, TIMEOUT_S, attempts=1, max_bytes=MAX_BYTES, context=self._tls
        )

    def all_answered(self) -> bool:
        """Whether every place that was asked has answered, be it that a key is not there."""
        return not self._silent


def tls_of(place: str) -> "Optional[ssl.SSLContext]":
    """Vcycle serves its machines by https and wants to see a certificate; None for other places."""
    if not place.startswith("https:"):
        return None
    from pilot.base import credentials

    environ = dict(os.environ)
    try:
        return credentials.tls_context(environ, credentials.proxy_path(environ))
    except ConfigurationFailed:  # a proxy that cannot be used: then without
        return credentials.tls_context(environ)


def find(environ: Dict[str, str]) -> Features:
    """The places that $MACHINEFEATURES and $JOBFEATURES name."""
    return Features(parse_place(environ.get("MACHINEFEATURES")), parse_place(environ.get("JOBFEATURES")))


def parse_place(text: Optional[str]) -> Optional[str]:
    """A folder or URL as managers of machines write it; None for anything else."""
    text = (text or "").strip().rstrip("/")
    if text.startswith("file://"):
        text = text[len("file://"):]
    return text if text.startswith(("/", "http://", "https://")) else None


def number(text: Optional[str]) -> Optional[float]:
    """A value as a number of 0 or more; None when it is none (Vcycle puts a UUID into
    jobstart_secs)."""
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if 0 <= value < float("inf") else None


def cores(features: Features) -> Optional[int]:
    """allocated_cpu of the job."""
    return _read_int(features, "allocated_cpu", 1)


def memory_mb(features: Features) -> Optional[int]:
    """max_rss_bytes of the job in MiB."""
    return _read_int(features, "max_rss_bytes", 1048576)


def disk_mb(features: Features) -> Optional[int]:
    """scratch_limit_bytes of the job in MiB."""
    return _read_int(features, "scratch_limit_bytes", 1048576)


def _read_int(features: Features, key: str, unit: int) -> Optional[int]:
    value = number(features.read_key(features.job, key))
    return int(value / unit) if value else None


def ends(features: Features) -> Dict[str, float]:
    """When this slot ends, in seconds since the epoch, by the key that says so; read anew at each
    call."""
    found = {
        "MACHINEFEATURES/shutdowntime": number(features.read_key(features.machine, "shutdowntime")),
        "JOBFEATURES/shutdowntime_job": number(features.read_key(features.job, "shutdowntime_job")),
        "JOBFEATURES/wall_limit_secs": wall_end(
            features.read_key(features.job, "jobstart_secs"),
            features.read_key(features.job, "wall_limit_secs"),
        ),
        "JOBFEATURES/cpu_limit_secs": cpu_end(features),
    }
    return {key: value for key, value in found.items() if value is not None}


def known_ends(features: Features) -> Optional[Dict[str, float]]:
    """The ends that Machine/Job Features tell now; None when a place did not answer: a busy host
    takes nothing back."""
    found = ends(features)
    return found if features.all_answered() else None


def cpu_end(features: Features) -> Optional[float]:
    """When cpu_limit_secs, which counts all processes together, is used up if every core is busy
    all the time."""
    limit = number(features.read_key(features.job, "cpu_limit_secs"))
    start = number(features.read_key(features.job, "jobstart_secs")) if limit else None
    return start + limit / (cores(features) or 1) if start and limit else None


def wall_end(jobstart: Optional[str], limit: Optional[str]) -> Optional[float]:
    """jobstart_secs + wall_limit_secs, when both are numbers; the limit is not scaled by cores."""
    start, seconds = number(jobstart), number(limit)
    return start + seconds if start and seconds else None

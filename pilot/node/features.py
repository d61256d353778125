"""Machine/Job Features (HSF-TN-2016-02): reads keys from a directory or a URL.

The parsers accept any value, because some managers write other things than the specification
allows.
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
    """The places of the features; None if the environment names no place. After a web server fails
    to answer, this reader does not ask it again, because each request to a dead server takes
    seconds."""

    def __init__(self, machine: Optional[str], job: Optional[str]) -> None:
        self.machine, self.job = machine, job
        self._silent: Set[str] = set()
        # created once per reader: it takes as long as a request
        self._tls: "Optional[ssl.SSLContext]" = None

    def is_remote(self) -> bool:
        """Whether reading may take time, because a place is a URL."""
        return any(
            place is not None and not place.startswith("/") for place in (self.machine, self.job)
        )

    def read_key(self, place: Optional[str], key: str) -> Optional[str]:
        """The current value of a key, stripped; None if it is absent, empty or cannot be read."""
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
        from pilot.base import fetch  # on demand: only for a URL

        self._tls = self._tls or tls_of(place)
        return fetch.get(
            place + "/" + key, TIMEOUT_S, attempts=1, max_bytes=MAX_BYTES, context=self._tls
        )

    def all_answered(self) -> bool:
        """Whether every place has answered so far; the answer that a key does not exist counts."""
        return not self._silent


def tls_of(place: str) -> "Optional[ssl.SSLContext]":
    """The TLS context for a place. Vcycle serves its machines over https and requires a client
    certificate. None for other places."""
    if not place.startswith("https:"):
        return None
    from pilot.base import credentials

    environ = dict(os.environ)
    try:
        return credentials.tls_context(environ, credentials.proxy_path(environ))
    except ConfigurationFailed:  # the proxy cannot be used: connect without it
        return credentials.tls_context(environ)


def find(environ: Dict[str, str]) -> Features:
    """The places in $MACHINEFEATURES and $JOBFEATURES."""
    return Features(parse_place(environ.get("MACHINEFEATURES")), parse_place(environ.get("JOBFEATURES")))


def parse_place(text: Optional[str]) -> Optional[str]:
    """A folder or URL, in the forms that managers of machines write; None for anything else."""
    text = (text or "").strip().rstrip("/")
    if text.startswith("file://"):
        text = text[len("file://"):]
    return text if text.startswith(("/", "http://", "https://")) else None


def number(text: Optional[str]) -> Optional[float]:
    """A value as a number of 0 or more; None for any other text (Vcycle writes a UUID to
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
    """The end times of this slot, in seconds since the epoch, by key; each call reads them
    again."""
    values = {
        "MACHINEFEATURES/shutdowntime": number(features.read_key(features.machine, "shutdowntime")),
        "JOBFEATURES/shutdowntime_job": number(features.read_key(features.job, "shutdowntime_job")),
        "JOBFEATURES/wall_limit_secs": wall_end(
            features.read_key(features.job, "jobstart_secs"),
            features.read_key(features.job, "wall_limit_secs"),
        ),
        "JOBFEATURES/cpu_limit_secs": cpu_end(features),
    }
    return {key: value for key, value in values.items() if value is not None}


def known_ends(features: Features) -> Optional[Dict[str, float]]:
    """The end times that Machine/Job Features report now. None if a place did not answer: a busy
    host does not withdraw an end time, so the known times stay valid."""
    known = ends(features)
    return known if features.all_answered() else None


def cpu_end(features: Features) -> Optional[float]:
    """The time at which cpu_limit_secs is used up if every core is always busy; the limit counts
    all processes together."""
    limit = number(features.read_key(features.job, "cpu_limit_secs"))
    start = number(features.read_key(features.job, "jobstart_secs")) if limit else None
    return start + limit / (cores(features) or 1) if start and limit else None


def wall_end(jobstart: Optional[str], limit: Optional[str]) -> Optional[float]:
    """jobstart_secs + wall_limit_secs, if both are numbers. The number of cores does not change the
    limit."""
    start, seconds = number(jobstart), number(limit)
    return start + seconds if start and seconds else None

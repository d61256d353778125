"""Facts: the small immutable records that commands pass to later commands."""

from typing import Dict, NamedTuple, Optional, Tuple


class Reading(NamedTuple):
    """One source's answer: the source, and the number."""

    source: str
    value: float


class GPU(NamedTuple):
    """One GPU this slot may use."""

    model: str
    memory_mb: int
    device: str


class BatchJob(NamedTuple):
    """The batch job (or instance) of this pilot; "" and None where the system does not say."""

    system: str
    job_id: str = ""
    queue: str = ""
    cores: Optional[int] = None
    memory_mb: Optional[int] = None
    gpus: Optional[int] = None
    time_left_s: Optional[float] = None
    source: str = ""
    asked_s: float = 0.0  # when the batch system reported time_left_s, by the monotonic clock
    others: Tuple[str, ...] = ()
    disk_mb: Optional[int] = None


class WorkerNode(NamedTuple):
    """The machine, and the part of it that this slot may use. Memory and disk in MiB."""

    host: str
    os: str
    architecture: str
    libc: str
    cores: int
    memory_mb: int
    disk_mb: int
    gpus: Tuple[GPU, ...]
    cpu_model: str
    cpu_flags: Tuple[str, ...]
    container: str
    virtual_machine: str
    user_namespaces: bool
    batch: BatchJob
    core_sources: Tuple[Reading, ...] = ()
    memory_sources: Tuple[Reading, ...] = ()


class ProbeResult(NamedTuple):
    """How one Nagios plug-in ended; `perfdata` maps label to value with unit."""

    name: str
    state: str
    text: str
    seconds: float
    perfdata: Dict[str, str]


class Probes(NamedTuple):
    """All probes of RunProbes."""

    results: Tuple[ProbeResult, ...]


class InstallAttempt(NamedTuple):
    """One source that Install tried."""

    source: str
    ok: bool
    seconds: float
    reason: str


class Installation(NamedTuple):
    """The path of the software, and the environment that it needs."""

    source: str
    path: str
    environ: Dict[str, str]
    attempts: Tuple[InstallAttempt, ...] = ()


class Configuration(NamedTuple):
    """The agent's configuration file."""

    path: str
    values: Dict[str, object]


class Registration(NamedTuple):
    """The pilot's reference outside."""

    reference: str
    flavour: str
    registered_at: str


class CPUPower(NamedTuple):
    """DB12 score of one core of this slot while all its cores are busy (HS06-like units); it
    depends on the Python that measured it.

    `score` says which one `power` is: raw, corrected (as the official program's default), or set
    (--cpu-power). `scores` are raw.
    """

    power: float
    scores: Tuple[float, ...]
    copies: int
    approximate: bool
    cached: bool
    score: str = "raw"
    python: str = ""


class AgentSummary(NamedTuple):
    """What the agent did: tasks done, ended in error, released unfinished; the reason for its
    end."""

    done: int
    error: int
    released: int
    reason: str

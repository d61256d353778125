"""The batch system we run under: one table of how each tells job, queue, cores, memory and time left.

The parsers are pure; `detect` asks the environment (and files it names), `ask_time_left` may start the
system's own query program. The most specific system wins; the others found are told too.
"""

import os
import time
from typing import Callable, Dict, List, NamedTuple, Optional, Tuple

from pilot import process
from pilot.facts import BatchJob
from pilot.node import batch_parsers as parse

QUERY_TIMEOUT_S = 20.0


class System(NamedTuple):
    """One row: the variables that betray the system, where it keeps things, what to ask it."""

    name: str
    marks: Tuple[str, ...]
    job_id: Tuple[str, ...] = ()
    queue: Tuple[str, ...] = ()
    cores: Callable[[Dict[str, str]], Optional[int]] = parse.nothing
    memory_mb: Callable[[Dict[str, str]], Optional[int]] = parse.nothing
    gpus: Callable[[Dict[str, str]], Optional[int]] = parse.nothing
    time_left: Callable[[Dict[str, str], float], Optional[float]] = parse.no_time
    query: Tuple[str, ...] = ()  # {ID} stands for the job's id
    parse_query: Callable[[str, float], Optional[float]] = parse.no_answer


# Outer layers (CEs) first, then the systems themselves, then what only looks like one: the first that is found counts.
SYSTEMS: Tuple[System, ...] = (
    System("Slurm", ("SLURM_JOB_ID", "SLURM_JOBID"), ("SLURM_JOB_ID", "SLURM_JOBID"), ("SLURM_JOB_PARTITION",),
           parse.slurm_cores, parse.slurm_memory_mb, parse.slurm_gpus, parse.slurm_time_left,
           ("squeue", "-h", "-j", "{ID}", "-o", "%L"), parse.slurm_left),
    System("HTCondor", ("_CONDOR_JOB_AD", "_CONDOR_SLOT"), (), (),
           parse.condor_cores, parse.condor_memory_mb, parse.condor_gpus, parse.condor_time_left),
    System("LSF", ("LSB_JOBID", "LSB_BATCH_JID"), ("LSB_JOBID", "LSB_BATCH_JID"), ("LSB_QUEUE",),
           parse.lsf_cores, query=("bjobs", "-noheader", "-o", "time_left", "{ID}"), parse_query=parse.lsf_left),
    System("PBS", ("PBS_JOBID",), ("PBS_JOBID",), ("PBS_QUEUE", "PBS_O_QUEUE"),
           parse.pbs_cores, query=("qstat", "-f", "{ID}"), parse_query=parse.pbs_left),
    System("GridEngine", ("SGE_TASK_ID", "SGE_CELL", "SGE_ROOT"), ("JOB_ID",), ("QUEUE",),
           parse.whole_variable("NSLOTS"), query=("qstat", "-j", "{ID}"), parse_query=parse.sge_left),
    System("OAR", ("OAR_JOB_ID", "OAR_JOBID"), ("OAR_JOB_ID", "OAR_JOBID"), ("OAR_QUEUE",),
           parse.file_lines("OAR_NODEFILE"), query=("oarstat", "-f", "-j", "{ID}"), parse_query=parse.oar_left),
    System("Flux", ("FLUX_JOB_ID",), ("FLUX_JOB_ID",), (),
           query=("flux", "job", "timeleft"), parse_query=parse.seconds_only),
    System("HTCondor-CE", ("HTCONDOR_JOBID", "CONDORCE_COLLECTOR_HOST"), ("HTCONDOR_JOBID",)),
    System("ARC", ("GRID_GLOBAL_JOBURL", "GRID_GLOBAL_JOBID"), ("GRID_GLOBAL_JOBURL", "GRID_GLOBAL_JOBID")),
    System("Kubernetes", ("KUBERNETES_SERVICE_HOST",), ("HOSTNAME",)),
)
CLOUD_ID = "/var/lib/cloud/data/instance-id"


def found(environ: Dict[str, str]) -> List[System]:
    """The rows whose marks the environment bears, most specific first. Grid Engine needs a job id besides."""
    rows = [row for row in SYSTEMS if any(environ.get(mark) for mark in row.marks)]
    return [row for row in rows if row.name != "GridEngine" or environ.get("JOB_ID")]


def detect(environ: Dict[str, str], now: float, ask: bool = True, cloud_id: str = CLOUD_ID) -> BatchJob:
    """The job we run in; `now` is the time of day (UNIX seconds). With `ask`, its query program may be started."""
    rows = found(environ)
    if not rows:
        return _cloud(cloud_id)
    row = rows[0]
    values = parse.with_ads(environ) if row.name == "HTCondor" else environ
    job_id = parse.condor_job_id(values) if row.name == "HTCondor" else _first(values, row.job_id)
    left, source = row.time_left(values, now), "environment"
    if left is None and ask and row.query:
        left, source = ask_time_left(row, job_id, environ, now)
    return BatchJob(row.name, job_id, _first(values, row.queue), row.cores(values), row.memory_mb(values),
                    row.gpus(values), left, source if left is not None else "", tuple(other.name for other in rows[1:]))


def ask_time_left(row: System, job_id: str, environ: Dict[str, str], now: float) -> Tuple[Optional[float], str]:
    """Seconds left by the system's own query program, and its name; None when it cannot say."""
    argv = [word.replace("{ID}", job_id) for word in row.query]
    if not job_id and any("{ID}" in word for word in row.query):
        return None, ""
    result = process.run(argv, timeout_s=QUERY_TIMEOUT_S, ok=None, environ=environ)
    return (row.parse_query(result.stdout, now) if result.exit_code == 0 else None), argv[0]


def _first(values: Dict[str, str], names: Tuple[str, ...]) -> str:
    return next((values[name] for name in names if values.get(name)), "")


def _cloud(cloud_id: str) -> BatchJob:
    try:
        with open(cloud_id) as stream:
            return BatchJob("cloud", stream.read(256).strip())
    except OSError:
        return BatchJob("local", str(os.getpid()))


def now() -> float:
    """The time of day in UNIX seconds: batch systems speak of ends in it."""
    return time.time()

"""The batch system we run under: which, what job, how long it still leaves us.

`detect` asks the environment (and files it names); `ask_time_left` may start the system's own query program.
The table of systems is loaded only where one is at work.
"""

import os
import time
from typing import TYPE_CHECKING, Dict, List, Optional, Tuple

from pilot.engine import program
from pilot.facts import BatchJob
from pilot.node.features import number

if TYPE_CHECKING:
    from pilot.node.batch_systems import System

QUERY_TIMEOUT_S = 20.0
# the variables that betray a system: those of the table in batch_systems
MARKS = ("SLURM_JOB_ID", "SLURM_JOBID", "_CONDOR_JOB_AD", "_CONDOR_SLOT", "LSB_JOBID", "LSB_BATCH_JID", "PBS_JOBID",
         "SGE_TASK_ID", "SGE_CELL", "SGE_ROOT", "OAR_JOB_ID", "OAR_JOBID", "FLUX_JOB_ID", "HTCONDOR_JOBID",
         "CONDORCE_COLLECTOR_HOST", "GRID_GLOBAL_JOBURL", "GRID_GLOBAL_JOBID", "KUBERNETES_SERVICE_HOST")
CLOUD_ID = "/var/lib/cloud/data/instance-id"
SLOT = "init_data.xml"  # in the folder where BOINC's client starts us


def found(environ: Dict[str, str]) -> "List[System]":
    """The rows whose marks the environment bears, most specific first. Grid Engine needs a job id besides."""
    if not any(environ.get(mark) for mark in MARKS):
        return []
    from pilot.node.batch_systems import SYSTEMS

    rows = [row for row in SYSTEMS if any(environ.get(mark) for mark in row.marks)]
    return [row for row in rows if row.name != "GridEngine" or environ.get("JOB_ID")]


def detect(environ: Dict[str, str], now: float, ask: bool = True, cloud_id: str = CLOUD_ID) -> BatchJob:
    """The job we run in; `now` is the time of day (UNIX seconds). With `ask`, its query program may be started."""
    rows = found(environ)
    if not rows:
        if not os.path.exists(SLOT) or not program.has("pilot.hosts.boinc"):
            return _cloud(cloud_id)
        from pilot.hosts.boinc import slot

        return slot.batch_job(os.getcwd(), now)
    from pilot.node import batch_parsers as parse

    row = rows[0]
    values = parse.with_ads(environ) if row.name == "HTCondor" else environ
    job_id = parse.condor_job_id(values) if row.name == "HTCondor" else _first(values, row.job_id)
    if row.name == "Slurm" and environ.get("SLURM_ARRAY_JOB_ID") and environ.get("SLURM_ARRAY_TASK_ID"):
        # one part of an array has the array's own number: asked for by that, Slurm answers for, or cancels, all parts
        job_id = "%s_%s" % (environ["SLURM_ARRAY_JOB_ID"], environ["SLURM_ARRAY_TASK_ID"])
    if row.name == "LSF" and environ.get("LSB_JOBINDEX", "0") != "0" and "[" not in job_id:  # likewise
        job_id = "%s[%s]" % (job_id, environ["LSB_JOBINDEX"])
    part = environ.get("SGE_TASK_ID", "") if row.name == "GridEngine" else ""
    left, source = row.time_left(values, now), "environment"
    if ask and row.query:  # also where the environment has told it: a limit may be lowered while the job waits or runs
        asked = ask_time_left(row, job_id, environ, now)
        if asked[0] is not None and (left is None or asked[0] < left):
            left, source = asked
    if left is None and row.walltime:
        left, source = number(environ.get(row.walltime)), row.walltime  # from now on, for want of the beginning
    job_id += "." + part if part.isdigit() else ""
    return BatchJob(row.name, job_id, _first(values, row.queue), row.cores(values), row.memory_mb(values),
                    row.gpus(values), left, source if left is not None else "", time.monotonic(), tuple(other.name for other in rows[1:]))


def ask_time_left(row: "System", job_id: str, environ: Dict[str, str], now: float) -> Tuple[Optional[float], str]:
    """Seconds left by the system's own query program, and its name; None when it cannot say."""
    argv = [word.replace("{ID}", job_id) for word in row.query]
    if not job_id and any("{ID}" in word for word in row.query):
        return None, ""
    from pilot.base import process  # only where a program is asked

    result = process.run(argv, timeout_s=QUERY_TIMEOUT_S, ok=None, environ=environ)
    return (row.parse_query(result.stdout, now, row.began(environ)) if result.exit_code == 0 else None), argv[0]


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

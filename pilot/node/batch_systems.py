"""One table of the batch systems: how each betrays itself and tells job, queue, cores, memory and time left."""

from typing import Callable, Dict, NamedTuple, Optional, Tuple

from pilot.node import batch_parsers as parse


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
    parse_query: Callable[[str, float, Optional[float]], Optional[float]] = parse.no_answer
    began: Callable[[Dict[str, str]], Optional[float]] = parse.unknown_beginning
    walltime: str = ""  # the variable with the whole job's seconds, for where nothing else tells


# The batch systems themselves first, then the computing elements around them: the first that is found counts.
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
           parse.sge_cores, query=("qstat", "-j", "{ID}"), parse_query=parse.sge_left,
           began=parse.sge_began),
    System("OAR", ("OAR_JOB_ID", "OAR_JOBID"), ("OAR_JOB_ID", "OAR_JOBID"), ("OAR_QUEUE",),
           parse.oar_cores, query=("oarstat", "-f", "-j", "{ID}"), parse_query=parse.oar_left, walltime="OAR_JOB_WALLTIME_SECONDS"),
    System("Flux", ("FLUX_JOB_ID",), ("FLUX_JOB_ID",), (),
           query=("flux", "job", "timeleft"), parse_query=parse.seconds_only),
    System("HTCondor-CE", ("HTCONDOR_JOBID", "CONDORCE_COLLECTOR_HOST"), ("HTCONDOR_JOBID",)),
    System("ARC", ("GRID_GLOBAL_JOBURL", "GRID_GLOBAL_JOBID"), ("GRID_GLOBAL_JOBURL", "GRID_GLOBAL_JOBID")),
    System("Kubernetes", ("KUBERNETES_SERVICE_HOST",), ("HOSTNAME",)),
)

"""The batch system of this job: one file per system, and the environment variables that identify
each.

To add one, write its file (`SYSTEM = MySystem()`, a subclass of `system.System`) and add its
variables here.
"""

from typing import Dict, Tuple

# Module -> the environment variables that identify its system. Batch systems come before the
# computing elements around them: the pilot uses the first match. It loads a module only if its
# system is present, because sites start pilots thousands of times.
MARKS: Dict[str, Tuple[str, ...]] = {
    "slurm": ("SLURM_JOB_ID", "SLURM_JOBID"),
    "htcondor": ("_CONDOR_JOB_AD", "_CONDOR_SLOT"),
    "lsf": ("LSB_JOBID", "LSB_BATCH_JID"),
    "pbs": ("PBS_JOBID",),
    "gridengine": ("SGE_TASK_ID", "SGE_CELL", "SGE_ROOT"),
    "oar": ("OAR_JOB_ID", "OAR_JOBID"),
    "flux": ("FLUX_JOB_ID",),
    "htcondor_ce": ("HTCONDOR_JOBID", "CONDORCE_COLLECTOR_HOST"),
    "arc": ("GRID_GLOBAL_JOBURL", "GRID_GLOBAL_JOBID"),
    "kubernetes": ("KUBERNETES_SERVICE_HOST",),
}

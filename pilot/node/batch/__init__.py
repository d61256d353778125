"""The batch system we run under: one file per system, and what marks each in a job's environment.

To add one: write its file (`SYSTEM = MySystem()`, a subclass of `system.System`), and name it here
with its variables.
"""

from typing import Dict, Tuple

# Module -> the variables that betray the system. The batch systems themselves first, then the
# computing elements around them: the
# first that is found counts. The files are loaded only where their system is at work, as most
# pilots start thousands of times.
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

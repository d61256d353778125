"""The Slurm batch system."""

from typing import Optional

from pilot.node.batch.readers import positive_int, seconds_of_duration
from pilot.node.batch.system import Environ, System


class Slurm(System):
    """The environment variables of Slurm (sbatch(1), "OUTPUT ENVIRONMENT VARIABLES"), and
    squeue."""

    name = "Slurm"
    job_id_variables = ("SLURM_JOB_ID", "SLURM_JOBID")
    queue_variables = ("SLURM_JOB_PARTITION",)
    query = ("squeue", "-h", "-j", "{ID}", "-o", "%L")

    def job_id(self, values: Environ) -> str:
        """The job id, or ARRAY_TASK for a task of an array. One task of an array has the same id as
        the array: with that id, Slurm reports on, or cancels, all tasks."""
        array, part = values.get("SLURM_ARRAY_JOB_ID"), values.get("SLURM_ARRAY_TASK_ID")
        return "%s_%s" % (array, part) if array and part else super().job_id(values)

    def cores(self, values: Environ) -> Optional[int]:
        """The cores of this node; the tasks on a node share them."""
        per_node = (values.get("SLURM_JOB_CPUS_PER_NODE") or "").split("(")[0].split(",")[0]
        return positive_int(values.get("SLURM_CPUS_ON_NODE")) or positive_int(per_node)

    def memory_mb(self, values: Environ) -> Optional[int]:
        """SLURM_MEM_PER_NODE, or the memory per CPU times the cores, both in MiB. 0 means all
        memory of the node."""
        node, cpu = positive_int(values.get("SLURM_MEM_PER_NODE")), positive_int(
            values.get("SLURM_MEM_PER_CPU")
        )
        cores = self.cores(values)
        return node or (cpu * cores if cpu and cores else None)

    def gpus(self, values: Environ) -> Optional[int]:
        """The GPUs of the job on this node."""
        listed = [word for word in (values.get("SLURM_JOB_GPUS") or "").split(",") if word]
        return positive_int(values.get("SLURM_GPUS_ON_NODE")) or len(listed) or None

    def time_left_s(self, values: Environ, now: float) -> Optional[float]:
        """Seconds until SLURM_JOB_END_TIME, which Slurm sets since version 23.02."""
        end = positive_int(values.get("SLURM_JOB_END_TIME"))
        return max(0.0, end - now) if end else None

    def parse_answer(self, text: str, now: float, values: Environ) -> Optional[float]:
        """The answer is [D-]H:M:S, or UNLIMITED, INVALID, NOT_SET."""
        return seconds_of_duration(text)


SYSTEM = Slurm()

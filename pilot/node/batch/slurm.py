"""Slurm."""

from typing import Optional

from pilot.node.batch.readers import positive_int, seconds_of_duration
from pilot.node.batch.system import Environ, System


class Slurm(System):
    """Slurm's variables (sbatch(1), "OUTPUT ENVIRONMENT VARIABLES") and squeue."""

    name = "Slurm"
    job_id_variables = ("SLURM_JOB_ID", "SLURM_JOBID")
    queue_variables = ("SLURM_JOB_PARTITION",)
    query = ("squeue", "-h", "-j", "{ID}", "-o", "%L")

    def job_id(self, values: Environ) -> str:
        """One part of an array has the array's own number: asked for by that, Slurm answers for, or
        cancels, all parts."""
        array, part = values.get("SLURM_ARRAY_JOB_ID"), values.get("SLURM_ARRAY_TASK_ID")
        return "%s_%s" % (array, part) if array and part else super().job_id(values)

    def cores(self, values: Environ) -> Optional[int]:
        """Several tasks on a node share its cores."""
        per_node = (values.get("SLURM_JOB_CPUS_PER_NODE") or "").split("(")[0].split(",")[0]
        return positive_int(values.get("SLURM_CPUS_ON_NODE")) or positive_int(per_node)

    def memory_mb(self, values: Environ) -> Optional[int]:
        """SLURM_MEM_PER_NODE, or per CPU times the cores. Slurm writes MiB; 0 means all of the
        node."""
        node, cpu = positive_int(values.get("SLURM_MEM_PER_NODE")), positive_int(
            values.get("SLURM_MEM_PER_CPU")
        )
        cores = self.cores(values)
        return node or (cpu * cores if cpu and cores else None)

    def gpus(self, values: Environ) -> Optional[int]:
        """GPUs of this node."""
        listed = [word for word in (values.get("SLURM_JOB_GPUS") or "").split(",") if word]
        return positive_int(values.get("SLURM_GPUS_ON_NODE")) or len(listed) or None

    def time_left_s(self, values: Environ, now: float) -> Optional[float]:
        """SLURM_JOB_END_TIME, which Slurm sets from 23.02 on."""
        end = positive_int(values.get("SLURM_JOB_END_TIME"))
        return max(0.0, end - now) if end else None

    def parse_answer(self, text: str, now: float, values: Environ) -> Optional[float]:
        """[D-]H:M:S, or UNLIMITED, INVALID, NOT_SET."""
        return seconds_of_duration(text)


SYSTEM = Slurm()

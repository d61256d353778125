"""The batch systems PBS Pro, OpenPBS and Torque."""

from typing import Optional

from pilot.node.batch.readers import (
    hosts_of,
    parse_attributes,
    positive_int,
    seconds_of_duration,
    share_of_host,
)
from pilot.node.batch.system import Environ, System


class PBS(System):
    """The environment variables of PBS, and qstat -f."""

    name = "PBS"
    job_id_variables = ("PBS_JOBID",)
    queue_variables = ("PBS_QUEUE", "PBS_O_QUEUE")
    query = ("qstat", "-f", "{ID}")
    warns_every_process = True

    def cores(self, values: Environ) -> Optional[int]:
        """PBS_NUM_PPN (Torque) or NCPUS (PBS Pro), else this host's lines in $PBS_NODEFILE."""
        cores = positive_int(values.get("PBS_NUM_PPN")) or positive_int(values.get("NCPUS"))
        return cores or share_of_host(hosts_of(values.get("PBS_NODEFILE")))

    def parse_answer(self, text: str, now: float, values: Environ) -> Optional[float]:
        """Resource_List.walltime minus resources_used.walltime, both H:M:S."""
        fields = parse_attributes(text)
        limit = seconds_of_duration(fields.get("Resource_List.walltime", ""))
        used = seconds_of_duration(fields.get("resources_used.walltime", "")) or 0.0
        return None if limit is None else max(0.0, limit - used)


SYSTEM = PBS()

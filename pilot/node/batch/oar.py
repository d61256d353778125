"""The OAR batch system."""

import time
from typing import Optional

from pilot.node.batch.readers import hosts_of, parse_attributes, seconds_of_duration, share_of_host
from pilot.node.batch.system import Environ, System


class OAR(System):
    """The environment variables of OAR, and oarstat."""

    name = "OAR"
    job_id_variables = ("OAR_JOB_ID", "OAR_JOBID")
    queue_variables = ("OAR_QUEUE",)
    query = ("oarstat", "-f", "-j", "{ID}")
    walltime_variable = "OAR_JOB_WALLTIME_SECONDS"
    warns_every_process = True

    def cores(self, values: Environ) -> Optional[int]:
        """The number of lines for this host in $OAR_NODEFILE."""
        return share_of_host(hosts_of(values.get("OAR_NODEFILE")))

    def parse_answer(self, text: str, now: float, values: Environ) -> Optional[float]:
        """walltime (H:M:S), counted from startTime ("YYYY-MM-DD HH:MM:SS")."""
        fields = parse_attributes(text)
        limit = seconds_of_duration(fields.get("walltime", ""))
        try:
            began = time.mktime(time.strptime(fields.get("startTime", ""), "%Y-%m-%d %H:%M:%S"))
        except ValueError:
            return None
        return None if limit is None else max(0.0, began + limit - now)


SYSTEM = OAR()

"""The LSF batch system."""

import re
from typing import Optional

from pilot.node.batch.readers import positive_int, share_of_host
from pilot.node.batch.system import Environ, System


class LSF(System):
    """The environment variables of LSF, and bjobs."""

    name = "LSF"
    job_id_variables = ("LSB_JOBID", "LSB_BATCH_JID")
    queue_variables = ("LSB_QUEUE",)
    query = ("bjobs", "-noheader", "-o", "time_left", "{ID}")
    warns_every_process = True

    def job_id(self, values: Environ) -> str:
        """The id; for a task of an array with its index, for example 8[3]."""
        job, index = super().job_id(values), values.get("LSB_JOBINDEX", "0")
        return job if index == "0" or "[" in job else "%s[%s]" % (job, index)

    def cores(self, values: Environ) -> Optional[int]:
        """The cores of this host in LSB_MCPU_HOSTS, for example "h1 2 h2 2", else LSB_DJOB_NUMPROC,
        which counts all hosts."""
        words = (values.get("LSB_MCPU_HOSTS") or "").split()
        hosts = [(host, positive_int(count) or 0) for host, count in zip(words[::2], words[1::2])]
        return share_of_host(hosts) or positive_int(values.get("LSB_DJOB_NUMPROC"))

    def parse_answer(self, text: str, now: float, values: Environ) -> Optional[float]:
        """The answer is hours:minutes and a letter, for example "5:10 L", or "-" without a
        limit."""
        match = re.match(r"\s*(\d+):(\d+)\s+[A-Z]", text)
        return int(match.group(1)) * 3600.0 + int(match.group(2)) * 60 if match else None


SYSTEM = LSF()

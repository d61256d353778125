"""Grid Engine: Sun Grid Engine, Son of Grid Engine, Univa Grid Engine."""

import os
import re
import time
from typing import Optional

from pilot.node.batch.readers import lines_of, positive_int, share_of_host
from pilot.node.batch.system import Environ, System

_LAYOUTS = ("%a %b %d %H:%M:%S %Y", "%m/%d/%Y %H:%M:%S")  # formats of start_time, by version


class GridEngine(System):
    """The environment variables of Grid Engine, and qstat -j."""

    name = "GridEngine"
    job_id_variables = ("JOB_ID",)
    queue_variables = ("QUEUE",)
    query = ("qstat", "-j", "{ID}")
    warns_every_process = True

    def is_at_work(self, environ: Environ) -> bool:
        """Whether a job id is set: an installation alone sets variables, too."""
        return bool(environ.get("JOB_ID"))

    def full_job_id(self, values: Environ) -> str:
        """The id with the number of the array task, for example 5.3."""
        part = values.get("SGE_TASK_ID", "")
        return self.job_id(values) + ("." + part if part.isdigit() else "")

    def cores(self, values: Environ) -> Optional[int]:
        """NSLOTS, or the slots of this host in $PE_HOSTFILE (host, slots, queue, processors), if
        less."""
        rows = [line.split() for line in lines_of(values.get("PE_HOSTFILE"))]
        here = share_of_host([(row[0], positive_int(row[1]) or 0) for row in rows if len(row) > 1])
        known = [count for count in (positive_int(values.get("NSLOTS")), here) if count]
        return min(known) if known else None

    def parse_answer(self, text: str, now: float, values: Environ) -> Optional[float]:
        """The smaller of h_rt and s_rt in the hard resource list, counted from start_time. If qstat
        does not print it (8.1.9), the start comes from the spool folder of the job."""
        fields = dict(re.findall(r"^(\S[^:\n]*?)(?:\s+\d+)?:\s+(.*)$", text, re.M))
        limits = re.findall(r"\b[hs]_rt=(\d+)", fields.get("hard resource_list") or "")
        known = [limit for limit in map(positive_int, limits) if limit]
        moments = map(_parse_moment, re.findall(r"^start_time(?:\s+\d+)?:\s+(.*)$", text, re.M))
        starts = [moment for moment in moments if moment]
        # each task of an array has its own start time
        start = starts[0] if len(starts) == 1 else job_began(values) or min(starts, default=None)
        return max(0.0, start + min(known) - now) if known and start else None


def job_began(environ: Environ) -> Optional[float]:
    """The start time of the job: Grid Engine writes the environment file in its spool folder only
    then."""
    try:
        return os.stat(os.path.join(environ["SGE_JOB_SPOOL_DIR"], "environment")).st_mtime
    except (KeyError, OSError):
        return None


def _parse_moment(text: str) -> Optional[float]:
    for layout in _LAYOUTS:
        try:
            return time.mktime(time.strptime(text.strip().split(".")[0], layout))
        except ValueError:
            continue
    return None


SYSTEM = GridEngine()

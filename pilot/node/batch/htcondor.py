"""HTCondor: reads the ClassAd file of the job."""

from typing import Dict, Optional

from pilot.node.batch.readers import lines_of, positive_int
from pilot.node.batch.system import Environ, System

AD = "condor-ad:"  # prefix of ClassAd attributes among the environment variables
LIMITS = ("AllowedExecuteDuration", "AllowedJobDuration", "MaxRuntime", "BatchRuntime")


class HTCondor(System):
    """The ClassAd in the file $_CONDOR_JOB_AD. HTCondor sets few environment variables and no CPU
    affinity."""

    name = "HTCondor"

    def read_values(self, environ: Environ) -> Environ:
        """The environment, and the attributes of the ClassAd with the prefix AD."""
        attributes = parse_ad("\n".join(lines_of(environ.get("_CONDOR_JOB_AD"))))
        return dict(environ, **{AD + name: value for name, value in attributes.items()})

    def job_id(self, values: Environ) -> str:
        """The id as Cluster.Proc."""
        cluster, proc = values.get(AD + "ClusterId", ""), values.get(AD + "ProcId", "0")
        return "%s.%s" % (cluster, proc) if cluster else ""

    def cores(self, values: Environ) -> Optional[int]:
        """CpusProvisioned of the ClassAd, else OMP_NUM_THREADS."""
        return positive_int(values.get(AD + "CpusProvisioned")) or positive_int(
            values.get("OMP_NUM_THREADS")
        )

    def memory_mb(self, values: Environ) -> Optional[int]:
        """MemoryProvisioned of the ClassAd, in MiB."""
        return positive_int(values.get(AD + "MemoryProvisioned"))

    def gpus(self, values: Environ) -> Optional[int]:
        """GpusProvisioned of the ClassAd."""
        return positive_int(values.get(AD + "GpusProvisioned"))

    def time_left_s(self, values: Environ, now: float) -> Optional[float]:
        """The smallest limit of the job or the site, counted from JobCurrentStartDate."""
        start = positive_int(values.get(AD + "JobCurrentStartDate"))
        known = [
            limit for limit in (positive_int(values.get(AD + name)) for name in LIMITS) if limit
        ]
        return max(0.0, start + min(known) - now) if start and known else None


def parse_ad(text: str) -> Dict[str, str]:
    """The lines "Attribute = value" of a ClassAd file, without quotes; expressions are not
    evaluated."""
    values = {}
    for line in text.splitlines():
        name, equals, value = line.partition(" = ")
        if equals:
            values[name.strip()] = value.strip().strip('"')
    return values


SYSTEM = HTCondor()

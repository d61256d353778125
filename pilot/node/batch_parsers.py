"""What the batch systems write: pure readers of their variables, files and query programs' output.

Each takes the environment (or a program's output and the time of day) and gives a number, or None when the
text does not hold it.
"""

import os
import re
import time
from typing import Dict, List, Optional, Tuple

Environ = Dict[str, str]
AD = "condor-ad:"  # prefix of ClassAd attributes merged into the environment by with_ads


def nothing(environ: Environ) -> Optional[int]:
    """This system does not say."""
    return None


def no_time(environ: Environ, now: float) -> Optional[float]:
    """This system's environment does not tell the end."""
    return None


def no_answer(text: str, now: float, began: Optional[float] = None) -> Optional[float]:
    """This system has no query program."""
    return None


def whole(text: Optional[str]) -> Optional[int]:
    """A whole number above 0, also "4.0"."""
    try:
        number = int(float(text or ""))
    except (ValueError, OverflowError):
        return None
    return number if number > 0 else None


def lines_of(path: Optional[str]) -> List[str]:
    """The lines of a file that a variable names; none when it cannot be read."""
    try:
        with open(path or "", errors="replace") as stream:
            return stream.read().split("\n")
    except OSError:
        return []


def share(hosts: List[Tuple[str, int]], own: str = "") -> Optional[int]:
    """How much of a job of many hosts is this one's; the first host's where ours is not among them."""
    name = (own or os.uname().nodename).split(".")[0]
    ours = sum(count for host, count in hosts if host.split(".")[0] == name)
    return ours or (sum(count for host, count in hosts if host == hosts[0][0]) if hosts else None)


def hosts_of(path: Optional[str]) -> List[Tuple[str, int]]:
    """A file of hosts, a line per core."""
    return [(line.strip(), 1) for line in lines_of(path) if line.strip()]


def oar_cores(environ: Environ) -> Optional[int]:
    """This host's lines of $OAR_NODEFILE."""
    return share(hosts_of(environ.get("OAR_NODEFILE")))


def sge_cores(environ: Environ) -> Optional[int]:
    """NSLOTS, or less: this host's slots in $PE_HOSTFILE ("host slots queue processors")."""
    rows = [line.split() for line in lines_of(environ.get("PE_HOSTFILE"))]
    here = share([(row[0], whole(row[1]) or 0) for row in rows if len(row) > 1])
    known = [count for count in (whole(environ.get("NSLOTS")), here) if count]
    return min(known) if known else None


def duration(text: str) -> Optional[float]:
    """[[D-]H:]M:S, H:M:S or seconds; None for UNLIMITED, INVALID and the like."""
    days, dash, rest = text.strip().rpartition("-")
    parts = rest.split(":")
    if not all(part.isdigit() for part in parts) or (dash and not days.isdigit()) or len(parts) > 3:
        return None
    seconds = 0.0
    for part in parts:
        seconds = seconds * 60 + int(part)
    return seconds + (int(days) * 86400 if dash else 0)


def slurm_cores(environ: Environ) -> Optional[int]:
    """Cores on this node; several tasks on a node share them."""
    return whole(environ.get("SLURM_CPUS_ON_NODE")) or whole((environ.get("SLURM_JOB_CPUS_PER_NODE") or "").split("(")[0].split(",")[0])


def slurm_memory_mb(environ: Environ) -> Optional[int]:
    """SLURM_MEM_PER_NODE, or per CPU times the cores. Slurm writes MiB; 0 means all of the node."""
    node, cpu = whole(environ.get("SLURM_MEM_PER_NODE")), whole(environ.get("SLURM_MEM_PER_CPU"))
    cores = slurm_cores(environ)
    return node or (cpu * cores if cpu and cores else None)


def slurm_gpus(environ: Environ) -> Optional[int]:
    """GPUs of this node."""
    listed = [word for word in (environ.get("SLURM_JOB_GPUS") or "").split(",") if word]
    return whole(environ.get("SLURM_GPUS_ON_NODE")) or len(listed) or None


def slurm_time_left(environ: Environ, now: float) -> Optional[float]:
    """SLURM_JOB_END_TIME, which Slurm sets from 23.02 on."""
    end = whole(environ.get("SLURM_JOB_END_TIME"))
    return max(0.0, end - now) if end else None


def slurm_left(text: str, now: float, began: Optional[float] = None) -> Optional[float]:
    """`squeue -h -o %L`: [D-]H:M:S, or UNLIMITED, INVALID, NOT_SET."""
    return duration(text)


def parse_ad(text: str) -> Dict[str, str]:
    """A ClassAd file's "Attribute = value" lines; quotes are taken off, expressions stay text."""
    found = {}
    for line in text.splitlines():
        name, equals, value = line.partition(" = ")
        if equals:
            found[name.strip()] = value.strip().strip('"')
    return found


def with_ads(environ: Environ) -> Environ:
    """The environment and, under AD + name, the attributes of the job's ad file."""
    values = dict(environ)
    for name, value in parse_ad("\n".join(lines_of(environ.get("_CONDOR_JOB_AD")))).items():
        values[AD + name] = value
    return values


def condor_job_id(values: Environ) -> str:
    """Cluster.Proc"""
    cluster, proc = values.get(AD + "ClusterId", ""), values.get(AD + "ProcId", "0")
    return "%s.%s" % (cluster, proc) if cluster else ""


def condor_cores(values: Environ) -> Optional[int]:
    """CpusProvisioned of the job's ad; affinity is not set by HTCondor."""
    return whole(values.get(AD + "CpusProvisioned")) or whole(values.get("OMP_NUM_THREADS"))


def condor_memory_mb(values: Environ) -> Optional[int]:
    """MemoryProvisioned of the job's ad, in MiB."""
    return whole(values.get(AD + "MemoryProvisioned"))


def condor_gpus(values: Environ) -> Optional[int]:
    """GpusProvisioned of the job's ad."""
    return whole(values.get(AD + "GpusProvisioned"))


def condor_time_left(values: Environ, now: float) -> Optional[float]:
    """AllowedExecuteDuration, AllowedJobDuration or the site's MaxRuntime from JobCurrentStartDate on."""
    start = whole(values.get(AD + "JobCurrentStartDate"))
    limits = [whole(values.get(AD + name)) for name in
              ("AllowedExecuteDuration", "AllowedJobDuration", "MaxRuntime", "BatchRuntime")]
    known = [limit for limit in limits if limit]
    return max(0.0, start + min(known) - now) if start and known else None


def lsf_cores(environ: Environ) -> Optional[int]:
    """This host's share of LSB_MCPU_HOSTS "h1 2 h2 2", or LSB_DJOB_NUMPROC, which counts all hosts."""
    words = (environ.get("LSB_MCPU_HOSTS") or "").split()
    return share([(host, whole(count) or 0) for host, count in zip(words[::2], words[1::2])]) or whole(environ.get("LSB_DJOB_NUMPROC"))


def lsf_left(text: str, now: float, began: Optional[float] = None) -> Optional[float]:
    """`bjobs -o time_left`: "5:10 L" (hours:minutes), "-" when there is no limit."""
    found = re.match(r"\s*(\d+):(\d+)\s+[A-Z]", text)
    return int(found.group(1)) * 3600.0 + int(found.group(2)) * 60 if found else None


def pbs_cores(environ: Environ) -> Optional[int]:
    """Torque's PBS_NUM_PPN, PBS Pro's NCPUS, else this host's lines of $PBS_NODEFILE."""
    return whole(environ.get("PBS_NUM_PPN")) or whole(environ.get("NCPUS")) or share(hosts_of(environ.get("PBS_NODEFILE")))


def pbs_left(text: str, now: float, began: Optional[float] = None) -> Optional[float]:
    """`qstat -f`: Resource_List.walltime minus resources_used.walltime, both H:M:S."""
    fields = _attributes(text)
    limit = duration(fields.get("Resource_List.walltime", ""))
    used = duration(fields.get("resources_used.walltime", "")) or 0.0
    return None if limit is None else max(0.0, limit - used)


def sge_left(text: str, now: float, began: Optional[float] = None) -> Optional[float]:
    """`qstat -j`: h_rt (or s_rt) of the hard resource list, counted from start_time where it is told (8.1.9 does
    not), else from when the job's spool folder says that it `began`."""
    fields = dict(re.findall(r"^(\S[^:\n]*?)(?:\s+\d+)?:\s+(.*)$", text, re.M))
    limits = [whole(value) for value in re.findall(r"\b[hs]_rt=(\d+)", fields.get("hard resource_list") or "")]
    known = [limit for limit in limits if limit]
    starts = [moment for moment in map(_moment, re.findall(r"^start_time(?:\s+\d+)?:\s+(.*)$", text, re.M)) if moment]
    start = starts[0] if len(starts) == 1 else began or min(starts, default=None)  # an array's parts each have their own
    return max(0.0, start + min(known) - now) if known and start else None


def sge_began(environ: Environ) -> Optional[float]:
    """When the job started: its spool folder's environment file is written then and not again."""
    try:
        return os.stat(os.path.join(environ["SGE_JOB_SPOOL_DIR"], "environment")).st_mtime
    except (KeyError, OSError):
        return None


def unknown_beginning(environ: Environ) -> Optional[float]:
    """This system's query program tells it, or it is not needed."""
    return None


def _moment(text: str) -> Optional[float]:
    for layout in ("%a %b %d %H:%M:%S %Y", "%m/%d/%Y %H:%M:%S"):
        try:
            return time.mktime(time.strptime(text.strip().split(".")[0], layout))
        except ValueError:
            continue
    return None


def oar_left(text: str, now: float, began: Optional[float] = None) -> Optional[float]:
    """`oarstat -f -j`: walltime (H:M:S) counted from startTime ("YYYY-MM-DD HH:MM:SS")."""
    fields = _attributes(text)
    limit = duration(fields.get("walltime", ""))
    try:
        began = time.mktime(time.strptime(fields.get("startTime", ""), "%Y-%m-%d %H:%M:%S"))
    except ValueError:
        return None
    return None if limit is None else max(0.0, began + limit - now)


def seconds_only(text: str, now: float, began: Optional[float] = None) -> Optional[float]:
    """`flux job timeleft` prints seconds."""
    word = text.strip()
    return float(word) if word.isdigit() else None


def _attributes(text: str) -> Dict[str, str]:
    """ "name = value" lines of qstat -f and oarstat -f."""
    return {key.strip(): value.strip() for key, _, value in (line.partition(" = ") for line in text.splitlines()) if value}

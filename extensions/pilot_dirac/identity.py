"""Identifies this pilot in its batch system: DIRAC's pilot reference, flavour and description of
the system, from the environment."""

from typing import Callable, Dict, List, NamedTuple, Optional, Tuple

UNKNOWN = "unknown"
NOT_KNOWN = "Unknown"  # of the batch system


class Submitter(NamedTuple):
    """`system` has DIRAC's keys Type, JobID and Parameters; it is empty when the batch system is
    unknown."""

    flavour: str
    reference: str
    system: Dict[str, object]


# None: not this system; "": it does not tell the job's id
Row = Tuple[str, str, Callable[[Dict[str, str]], Optional[str]], str, Tuple[Tuple[str, str], ...]]


def _first_of(environ: Dict[str, str], *names: str) -> Optional[str]:
    return next((environ[name] for name in names if environ.get(name)), None)


def _grid_engine(environ: Dict[str, str]) -> Optional[str]:
    """JOB_ID alone is too common a name: SGE_TASK_ID must be set, too."""
    return _first_of(environ, "JOB_ID") if "SGE_TASK_ID" in environ else None


def _condor_job(environ: Dict[str, str]) -> Optional[str]:
    """The job's ad is enough: DIRAC (Resources/Computing/BatchSystems/Condor.py) and its pilot read
    CONDOR_JOBID, which not every site sets."""
    if not environ.get("_CONDOR_JOB_AD"):
        return None
    return _first_of(environ, "CONDOR_JOBID", "CONDORJOBID") or ""


# DIRAC's name of the system, scheme of the reference, the job's id, and its parameters by the
# variables that hold them
SYSTEMS: Tuple[Row, ...] = (
    (
        "PBS",
        "sshpbs",
        lambda e: _first_of(e, "PBS_JOBID"),
        "PBS",
        (("Queue", "PBS_O_QUEUE"), ("BinaryPath", "PBS_O_PATH")),
    ),
    ("OAR", "sshoar", lambda e: _first_of(e, "OAR_JOBID", "OAR_JOB_ID"), "OAR", ()),
    ("SGE", "sshge", _grid_engine, "SGE", (("Queue", "QUEUE"), ("BinaryPath", "SGE_BINARY_PATH"))),
    (
        "LSF",
        "sshlsf",
        lambda e: _first_of(e, "LSB_BATCH_JID", "LSB_JOBID"),
        "LSF",
        (
            ("Queue", "LSB_QUEUE"),
            ("BinaryPath", "LSF_BINDIR"),
            ("Host", "LSB_HOSTS"),
            ("InfoPath", "LSF_ENVDIR"),
        ),
    ),
    (
        "SLURM",
        "sshslurm",
        lambda e: _first_of(e, "SLURM_JOBID", "SLURM_JOB_ID"),
        "SLURM",
        (("Queue", "SLURM_JOB_PARTITION"),),
    ),
    ("HTCondor", "sshcondor", _condor_job, "HTCondor", (("InfoPath", "_CONDOR_JOB_AD"),)),
)


def find_submitter(environ: Dict[str, str], ce: str, pilot_id: str) -> Submitter:
    """The submitter according to the environment. Later rules win, as in DIRAC: a CE knows more
    than the batch system behind it."""
    flavour, reference = "DIRAC", ""
    system: Dict[str, object] = {}
    for kind, scheme, job, word, parameters in SYSTEMS:
        job_id = job(environ)
        if job_id is not None:
            flavour, reference = "SSH" + word, "%s://%s/%s" % (
                scheme,
                ce,
                job_id.split(".")[0] if kind == "PBS" else job_id or pilot_id or UNKNOWN,
            )
            values = {
                name: environ[variable] for name, variable in parameters if environ.get(variable)
            }
            system = {"Type": kind, "JobID": job_id, "Parameters": values}
    for found_flavour, found_reference in _other_flavours(environ, ce):
        flavour, reference = found_flavour, found_reference
    return Submitter(flavour, reference or pilot_id or UNKNOWN, system)


def describe_fully(system: Dict[str, object]) -> Dict[str, object]:
    """The description with all of DIRAC's keys, "Unknown" where nothing is known."""
    parameters = dict.fromkeys(("BinaryPath", "Host", "InfoPath", "Queue"), NOT_KNOWN)
    known = system.get("Parameters")
    parameters.update(known if isinstance(known, dict) else {})
    return {
        "Type": system.get("Type") or NOT_KNOWN,
        "JobID": system.get("JobID") or NOT_KNOWN,
        "Parameters": parameters,
    }


def _other_flavours(environ: Dict[str, str], ce: str) -> List[Tuple[str, str]]:
    get = environ.get
    flavours = []
    if get("LOCAL_JOBID"):
        flavours.append(("Local", "local://%s/%s" % (ce, get("LOCAL_JOBID"))))
    if get("SSHCE_JOBID"):
        flavours.append(("SSH", "ssh://%s/%s" % (ce, get("SSHCE_JOBID"))))
    if get("SSHBATCH_JOBID") and get("SSH_NODE_HOST"):
        flavours.append(
            (
                "SSHBATCH",
                "sshbatchhost://%s/%s/%s" % (ce, get("SSH_NODE_HOST"), get("SSHBATCH_JOBID")),
            )
        )
    if get("HTCONDOR_JOBID"):
        flavours.append(("HTCondorCE", "htcondorce://%s/%s" % (ce, get("HTCONDOR_JOBID"))))
    if get("GRID_GLOBAL_JOBURL"):
        flavours.append(("ARC", str(get("GRID_GLOBAL_JOBURL"))))
    if get("PILOT_UUID"):
        flavours.append(("CLOUD", str(get("PILOT_UUID"))))
    return flavours

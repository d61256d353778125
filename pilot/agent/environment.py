"""The environment of a payload: its own resources and folders, without the pilot's secrets and
search paths. Pure functions."""

from typing import Any, Dict, List

MARK = "PILOT_PAYLOAD"  # in every payload's environment: identifies the payload of a stray process
AGENT_MARK = "PILOT_AGENT"  # identifies the agent of a stray process
# a slot's manager sets these to the slot's cores: a payload has fewer
_THREADS = (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "PYTHON_CPU_COUNT",
    "GOMAXPROCS",
    "JULIA_NUM_THREADS",
    "TF_NUM_THREADS",
    "TF_LOOP_PARALLEL_ITERATIONS",
    "ROOT_MAX_THREADS",
    "CUBACORES",
)
_DROPPED = (
    "PYTHONPATH",
    "PYTHONHOME",
    "LD_PRELOAD",
    "LD_LIBRARY_PATH",
    "BEARER_TOKEN",
    "BEARER_TOKEN_FILE",
)


def base_environ(inherited: Dict[str, str], installed: Dict[str, str]) -> Dict[str, str]:
    """The pilot's environment without the pilot's own variables, and with those that the installed
    software sets."""
    kept = {
        name: value
        for name, value in inherited.items()
        if name not in _DROPPED and not name.startswith("PILOT_")
    }
    kept.update(installed)
    return kept


def of_task(
    common: Dict[str, str], spec: Dict[str, Any], home: str, pilot: str, gpus: List[str], mark: str
) -> Dict[str, str]:
    """The environment of one payload: its cores, memory, GPUs, ids and folders. The task's own
    "env" takes precedence."""
    cores = str(spec.get("cores", 1))
    variables = dict(common)
    variables.update({name: cores for name in _THREADS if name in common})
    devices = ",".join(device.split("/")[0] for device in gpus) or "none"
    variables.update(
        {
            "PILOT_ID": pilot,
            "PILOT_TASK_ID": spec["id"],
            "PILOT_TASK_DIR": home,
            "PILOT_TASK_CORES": cores,
            "OMP_NUM_THREADS": cores,
            "TMPDIR": home + "/tmp",
            MARK: mark,
            "CUDA_VISIBLE_DEVICES": devices,
            "NVIDIA_VISIBLE_DEVICES": devices,
        }
    )
    if "memory_mb" in spec:
        variables["PILOT_TASK_MEMORY_MB"] = str(spec["memory_mb"])
    if "walltime_s" in spec:
        variables["PILOT_TASK_WALLTIME_S"] = "%g" % spec["walltime_s"]
    variables.update(spec.get("env", {}))
    variables.update({MARK: mark, AGENT_MARK: common.get(AGENT_MARK, "")})
    return variables

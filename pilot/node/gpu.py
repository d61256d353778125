"""The GPUs that this slot may use: those that the drivers report, without those that the batch
system hides."""

import os
from typing import Dict, List, Optional, Tuple

from pilot.facts import GPU

QUERY = ("nvidia-smi", "--query-gpu=index,uuid,name,memory.total", "--format=csv,noheader,nounits")
TIMEOUT_S = 20.0
# HTCondor writes 10000 to hide all GPUs
_NONE = ("", "none", "void", "nodevfiles", "-1", "10000")


def parse_nvidia_smi(text: str) -> Tuple[GPU, ...]:
    """Parse the rows "index, uuid, name, MiB" of nvidia-smi; ignore other rows ("No devices were
    found")."""
    devices = []
    for line in text.splitlines():
        fields = [field.strip() for field in line.split(",")]
        if len(fields) == 4 and fields[0].isdigit():
            memory = int(fields[3]) if fields[3].isdigit() else 0
            devices.append(GPU(fields[2], memory, "%s/%s" % (fields[0], fields[1])))
    return tuple(devices)


def visible(gpus: Tuple[GPU, ...], allowed: Optional[str]) -> Tuple[GPU, ...]:
    """The GPUs that CUDA_VISIBLE_DEVICES (indexes or UUID prefixes) allows; all if it is not
    set."""
    if allowed is None or allowed.strip() == "all":
        return gpus
    words = [word.strip() for word in allowed.split(",")]
    kept = []
    for gpu in gpus:
        index, uuid = gpu.device.split("/", 1)
        if any(
            word == index or (len(word) > 4 and uuid.startswith(word))
            for word in words
            if word not in _NONE
        ):
            kept.append(gpu)
    return tuple(kept)


def amd(root: str = "/sys/class/drm") -> Tuple[GPU, ...]:
    """AMD GPUs, from the files of the amdgpu driver."""
    devices: List[GPU] = []
    try:
        names = sorted(os.listdir(root))
    except OSError:
        return ()
    for name in names:
        total = os.path.join(root, name, "device", "mem_info_vram_total")
        if "-" not in name and os.path.exists(total):
            with open(total) as stream:
                devices.append(
                    GPU("AMD " + name, int(stream.read()) // 1048576, "%d/%s" % (len(devices), name))
                )
    return tuple(devices)


def find(environ: Dict[str, str]) -> Tuple[GPU, ...]:
    """The GPUs of this slot. nvidia-smi runs only if the driver is loaded: it can hang on a
    defective card."""
    hidden = environ.get("CUDA_VISIBLE_DEVICES", environ.get("NVIDIA_VISIBLE_DEVICES"))
    devices: Tuple[GPU, ...] = ()
    if os.path.exists("/proc/driver/nvidia") or os.path.exists("/dev/nvidiactl"):
        from pilot.base import process  # on demand: only with a driver

        result = process.run(QUERY, timeout_s=TIMEOUT_S, ok=None, environ=environ)
        devices = visible(parse_nvidia_smi(result.stdout), hidden) if result.exit_code == 0 else ()
    return devices + visible(amd(), environ.get("ROCR_VISIBLE_DEVICES"))

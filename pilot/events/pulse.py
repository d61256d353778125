"""What a heartbeat reports of the machine: load, memory, disk."""

import os
from typing import Dict


def measure(workdir: str) -> Dict[str, object]:
    """load1, load5 and load15; free memory and free disk space of the workdir in MiB. A value that
    cannot be read is left out."""
    values: Dict[str, object] = {}
    try:
        values["load"] = [round(value, 2) for value in os.getloadavg()]
    except OSError:
        pass
    try:
        space = os.statvfs(workdir)
        values["disk_free_mb"] = space.f_bavail * space.f_frsize >> 20
    except OSError:
        pass
    try:
        with open("/proc/meminfo") as stream:
            lines = dict(line.split(":", 1) for line in stream)
        values["memory_free_mb"] = int(lines["MemAvailable"].split()[0]) >> 10
    except (OSError, KeyError, ValueError):
        pass
    return values

"""A BOINC slot as the job of a volunteer's machine. A file of the client (7.20) identifies it, not
an environment variable."""

import os
import re
import time

from pilot.facts import BatchJob
from pilot.node.batch.detect import SLOT
from pilot.node.features import number


def is_slot(folder: str) -> bool:
    """Whether this folder is a slot: the client's init_data.xml exists."""
    return os.path.exists(os.path.join(folder, SLOT))


def slot_value(folder: str, key: str) -> str:
    """A value of init_data.xml, or an empty string."""
    try:
        with open(os.path.join(folder, SLOT), encoding="utf-8", errors="replace") as stream:
            match = re.search("<%s>([^<]*)" % re.escape(key), stream.read(1 << 20))
    except OSError:
        return ""
    return match.group(1).strip() if match else ""


def slot_as_job(folder: str, now: float) -> BatchJob:
    """The job that init_data.xml describes: the limits of the slot, in bytes, and the client's
    deadline for the job."""
    said = {
        key: number(slot_value(folder, key))
        for key in ("ncpus", "rsc_memory_bound", "rsc_disk_bound", "computation_deadline")
    }
    memory, disk = (
        int(size / 1048576) if size else None
        for size in (said["rsc_memory_bound"], said["rsc_disk_bound"])
    )
    cores, deadline = said["ncpus"], said["computation_deadline"]
    left_s = deadline - now if deadline and deadline > now else None
    return BatchJob(
        system="BOINC",
        job_id=slot_value(folder, "result_name"),
        queue=slot_value(folder, "app_name"),
        cores=max(1, int(cores)) if cores else None,
        memory_mb=memory,
        gpus=None,
        time_left_s=left_s,
        source=SLOT if deadline else "",
        asked_s=time.monotonic(),
        others=(),
        disk_mb=disk,
    )

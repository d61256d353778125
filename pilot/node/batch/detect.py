"""Detects the batch system, the job of this pilot, and the time left for it.

The environment, and the files that it names, come first; `ask_time_left` runs the query program of
the batch system.
"""

import importlib
import os
import time
from typing import TYPE_CHECKING, Dict, List, Optional, Tuple

from pilot.facts import BatchJob
from pilot.node.batch import MARKS
from pilot.node.features import number

if TYPE_CHECKING:
    from pilot.node.batch.system import System

QUERY_TIMEOUT_S = 20.0
CLOUD_ID = "/var/lib/cloud/data/instance-id"
SLOT = "init_data.xml"  # of BOINC, in the folder where its client starts the pilot


def load_system(module: str) -> "System":
    """The batch system that a module of this package describes."""
    system: "System" = importlib.import_module("pilot.node.batch." + module).SYSTEM
    return system


def systems_at_work(environ: Dict[str, str]) -> "List[System]":
    """The systems whose environment variables are set, most specific first."""
    marked = [
        load_system(module)
        for module, marks in MARKS.items()
        if any(environ.get(mark) for mark in marks)
    ]
    return [system for system in marked if system.is_at_work(environ)]


def detect_job(
    environ: Dict[str, str], now: float, ask: bool = True, cloud_id: str = CLOUD_ID
) -> BatchJob:
    """The job of this pilot. `now` is the time of day (UNIX seconds). With `ask`, the pilot may run
    the query program of the batch system."""
    systems = systems_at_work(environ)
    if systems:
        others = tuple(other.name for other in systems[1:])
        return _describe_job(systems[0], systems[0].read_values(environ), now, ask, others)
    try:
        if os.path.exists(SLOT):
            from pilot.node.batch import boinc

            return boinc.slot_as_job(os.getcwd(), now)
    except ImportError:  # a lean file does not contain the BOINC module
        pass
    return _describe_machine(cloud_id)


def _describe_job(
    system: "System", values: Dict[str, str], now: float, ask: bool, others: Tuple[str, ...]
) -> BatchJob:
    left, source = system.time_left_s(values, now), "environment"
    # ask even if the environment has a limit: the site may lower it while the job waits or runs
    if ask and system.query:
        asked = ask_time_left(system, values, now)
        if asked is not None and (left is None or asked < left):
            left, source = asked, system.query[0]
    if left is None and system.walltime_variable:
        # counted from now, because the start time is unknown
        left, source = number(values.get(system.walltime_variable)), system.walltime_variable
    return BatchJob(
        system=system.name,
        job_id=system.full_job_id(values),
        queue=system.queue(values),
        cores=system.cores(values),
        memory_mb=system.memory_mb(values),
        gpus=system.gpus(values),
        time_left_s=left,
        source=source if left is not None else "",
        asked_s=time.monotonic(),
        others=others,
    )


def ask_time_left(system: "System", values: Dict[str, str], now: float) -> Optional[float]:
    """Run the query program of the batch system; return the seconds left, or None if it reports no
    time."""
    job_id = system.job_id(values)
    if not job_id and any("{ID}" in word for word in system.query):
        return None
    from pilot.base import process  # on demand: only for a query program

    argv = [word.replace("{ID}", job_id) for word in system.query]
    result = process.run(argv, timeout_s=QUERY_TIMEOUT_S, ok=None, environ=values)
    return system.parse_answer(result.stdout, now, values) if result.exit_code == 0 else None


def warns_every_process(environ: Dict[str, str]) -> bool:
    """Whether the warning signal before the end of this job reaches all its processes, including
    payloads."""
    return any(system.warns_every_process for system in systems_at_work(environ)[:1])


def _describe_machine(cloud_id: str) -> BatchJob:
    try:
        with open(cloud_id) as stream:
            return BatchJob("cloud", stream.read(256).strip())
    except OSError:
        return BatchJob("local", str(os.getpid()))


def time_of_day() -> float:
    """The current time in UNIX seconds; batch systems report end times in it."""
    return time.time()

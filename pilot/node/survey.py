"""Describes the worker node as one fact: reads all sources, uses the smallest value, reports
disagreement."""

import os
from typing import Callable, Dict, Tuple

from pilot.facts import GPU, BatchJob, WorkerNode
from pilot.node import cgroup, container, features, gpu, hardware

MACHINE_WIDE = ("processors", "machine", "affinity")  # these describe the node, not the slot


def worker_node(
    job: BatchJob, environ: Dict[str, str], workdir: str, warn: Callable[[str], None]
) -> WorkerNode:
    """Read all sources. `warn` receives a sentence for each disagreement between sources."""
    namespaces = container.start_user_namespace_check()
    limits, places = cgroup.read_limits(), features.find(environ)
    cores = hardware.core_readings(environ, job, limits, places)
    memory = hardware.memory_readings(
        environ, job, limits, places, hardware.read_text("/proc/meminfo")
    )
    for what, readings in (("cores", cores), ("memory", memory)):
        sentence = hardware.disagreement(what, readings, MACHINE_WIDE)
        if sentence:
            warn(sentence)
    if job.others:
        systems = (job.system, ", ".join(job.others))
        warn("this looks like %s and also like %s; the first counts" % systems)
    processor = hardware.parse_cpuinfo(hardware.read_text("/proc/cpuinfo"))
    disk = (hardware.disk_free_mb(workdir), features.disk_mb(places), job.disk_mb)
    system = os.uname()
    return WorkerNode(
        host=system.nodename,
        os=hardware.os_name(_os_release()),
        architecture=system.machine,
        libc=hardware.libc(),
        cores=hardware.smallest(cores) if cores else 1,
        memory_mb=hardware.smallest(memory) if memory else 0,
        disk_mb=min(mb for mb in disk if mb is not None),
        gpus=_granted(gpu.find(environ), job),
        cpu_model=processor.model,
        cpu_flags=processor.flags,
        container=container.container(environ),
        virtual_machine=container.virtual_machine(processor.flags),
        user_namespaces=namespaces(),
        batch=job,
        core_sources=tuple(cores),
        memory_sources=tuple(memory),
    )


def _granted(gpus: Tuple[GPU, ...], job: BatchJob) -> Tuple[GPU, ...]:
    """At most as many GPUs as the batch system granted, if it reports a number."""
    return gpus if job.gpus is None else gpus[: job.gpus]


def _os_release() -> str:
    return hardware.read_text("/etc/os-release") or hardware.read_text("/usr/lib/os-release")

"""A worker node for tests of the commands that need one."""

from pilot.facts import BatchJob, WorkerNode


def node(**changes):
    """A plain two-core node; `changes` replace fields."""
    return WorkerNode(
        host="wn1", os="Debian 12", architecture="x86_64", libc="glibc-2.36", cores=2, memory_mb=4000, disk_mb=10000, gpus=(),
        cpu_model="EPYC", cpu_flags=("avx",), container="", virtual_machine="", user_namespaces=False, batch=BatchJob("local", "1"))._replace(**changes)

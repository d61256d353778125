"""The Kubernetes container orchestrator."""

from pilot.node.batch.system import System


class Kubernetes(System):
    """A pod; its name is the host name."""

    name = "Kubernetes"
    job_id_variables = ("HOSTNAME",)


SYSTEM = Kubernetes()

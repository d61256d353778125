"""Kubernetes."""

from pilot.node.batch.system import System


class Kubernetes(System):
    """A pod, named as its host."""

    name = "Kubernetes"
    job_id_variables = ("HOSTNAME",)


SYSTEM = Kubernetes()

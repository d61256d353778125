"""The ARC computing element, in front of a batch system."""

from pilot.node.batch.system import System


class ARC(System):
    """The computing element that accepted the job."""

    name = "ARC"
    job_id_variables = ("GRID_GLOBAL_JOBURL", "GRID_GLOBAL_JOBID")


SYSTEM = ARC()

"""HTCondor's computing element, around a batch system."""

from pilot.node.batch.system import System


class HTCondorCE(System):
    """The computing element that a job came through."""

    name = "HTCondor-CE"
    job_id_variables = ("HTCONDOR_JOBID",)


SYSTEM = HTCondorCE()

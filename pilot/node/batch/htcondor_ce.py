"""The HTCondor computing element (HTCondor-CE), in front of a batch system."""

from pilot.node.batch.system import System


class HTCondorCE(System):
    """The computing element that accepted the job."""

    name = "HTCondor-CE"
    job_id_variables = ("HTCONDOR_JOBID",)


SYSTEM = HTCondorCE()

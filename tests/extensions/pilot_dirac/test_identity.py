"""How the batch system knows a pilot, in DIRAC's words."""

import pytest

from tests.conftest import extension

identity = extension("pilot_dirac.identity")


@pytest.mark.parametrize(
    "environ, flavour, reference, kind",
    [
        ({}, "DIRAC", "p1", None),
        ({"PBS_JOBID": "5.server", "PBS_O_QUEUE": "q"}, "SSHPBS", "sshpbs://ce/5", "PBS"),
        ({"JOB_ID": "7"}, "DIRAC", "p1", None),
        ({"SGE_TASK_ID": "1"}, "DIRAC", "p1", None),
        ({"SGE_TASK_ID": "undefined", "JOB_ID": "7"}, "SSHSGE", "sshge://ce/7", "SGE"),
        ({"LSB_JOBID": "8"}, "SSHLSF", "sshlsf://ce/8", "LSF"),
        ({"LSB_BATCH_JID": "9", "LSB_JOBID": "8"}, "SSHLSF", "sshlsf://ce/9", "LSF"),
        ({"SLURM_JOB_ID": "10"}, "SSHSLURM", "sshslurm://ce/10", "SLURM"),
        ({"SLURM_JOBID": "11"}, "SSHSLURM", "sshslurm://ce/11", "SLURM"),
        ({"OAR_JOBID": "3"}, "SSHOAR", "sshoar://ce/3", "OAR"),
        (
            {"_CONDOR_JOB_AD": "/x", "CONDORJOBID": "1.0"},
            "SSHHTCondor",
            "sshcondor://ce/1.0",
            "HTCondor",
        ),
        (
            {"_CONDOR_JOB_AD": "/x", "CONDOR_JOBID": "77.0"},
            "SSHHTCondor",
            "sshcondor://ce/77.0",
            "HTCondor",
        ),
        ({"_CONDOR_JOB_AD": "/x"}, "SSHHTCondor", "sshcondor://ce/p1", "HTCondor"),
        (
            {"_CONDOR_JOB_AD": "/x", "HTCONDOR_JOBID": "77"},
            "HTCondorCE",
            "htcondorce://ce/77",
            "HTCondor",
        ),
        (
            {"_CONDOR_JOB_AD": "/x", "GRID_GLOBAL_JOBURL": "https://arc/1"},
            "ARC",
            "https://arc/1",
            "HTCondor",
        ),
        ({"LOCAL_JOBID": "1"}, "Local", "local://ce/1", None),
        ({"SSHCE_JOBID": "1"}, "SSH", "ssh://ce/1", None),
        ({"SSHBATCH_JOBID": "1", "SSH_NODE_HOST": "n"}, "SSHBATCH", "sshbatchhost://ce/n/1", None),
        (
            {"SLURM_JOB_ID": "10", "HTCONDOR_JOBID": "77"},
            "HTCondorCE",
            "htcondorce://ce/77",
            "SLURM",
        ),
        ({"GRID_GLOBAL_JOBURL": "https://arc/1"}, "ARC", "https://arc/1", None),
        ({"PILOT_UUID": "vm://space/x"}, "CLOUD", "vm://space/x", None),
    ],
)
def test_reference_and_flavour(environ, flavour, reference, kind):
    found = identity.find_submitter(environ, "ce", "p1")
    assert (found.flavour, found.reference, found.system.get("Type")) == (flavour, reference, kind)


def test_the_systems_own_variables_are_its_parameters():
    environ = {"PBS_JOBID": "5.server", "PBS_O_QUEUE": "long", "PBS_O_PATH": ""}
    assert identity.find_submitter(environ, "ce", "p1").system == {
        "Type": "PBS",
        "JobID": "5.server",
        "Parameters": {"Queue": "long"},
    }


def test_outside_a_batch_system_there_is_no_description():
    assert identity.find_submitter({}, "ce", "p1").system == {}


def test_a_pilot_without_any_name_is_unknown():
    assert identity.find_submitter({}, "ce", "").reference == "unknown"


def test_the_last_system_of_the_list_wins():
    environ = {"PBS_JOBID": "5", "SLURM_JOB_ID": "10"}
    assert identity.find_submitter(environ, "ce", "p1").reference == "sshslurm://ce/10"


def test_condors_ad_is_told_without_the_jobs_id():
    found = identity.find_submitter({"_CONDOR_JOB_AD": "/x"}, "ce", "p1")
    assert found.system == {"Type": "HTCondor", "JobID": "", "Parameters": {"InfoPath": "/x"}}


@pytest.mark.parametrize("variable", ["CONDORJOBID", "CONDOR_JOBID"])
def test_a_jobs_id_without_the_ad_is_nothing(variable):
    assert identity.find_submitter({variable: "1.0"}, "ce", "p1").flavour == "DIRAC"

"""HTCondor's computing element."""

import pytest

from pilot.node.batch.detect import detect_job


@pytest.mark.parametrize(
    "environ, job_id",
    [
        ({"HTCONDOR_JOBID": "12.0"}, "12.0"),
        ({"CONDORCE_COLLECTOR_HOST": "ce.example.org:9619"}, ""),
    ],
)
def test_the_computing_element_alone_is_known_by_either_mark(environ, job_id):
    assert detect_job(environ, 0.0)[:2] == ("HTCondor-CE", job_id)


def test_the_batch_system_behind_it_counts_first():
    job = detect_job({"HTCONDOR_JOBID": "12.0", "PBS_JOBID": "7"}, 0.0, ask=False)
    assert (job.system, job.job_id, job.others) == ("PBS", "7", ("HTCondor-CE",))


def test_it_tells_no_time_and_starts_no_program(programs):
    programs.make("condor_q", "echo 5")
    job = detect_job({"HTCONDOR_JOBID": "12.0", "PATH": str(programs.folder)}, 0.0)
    assert (job.time_left_s, job.source) == (None, "")
    assert programs.calls("condor_q") == []

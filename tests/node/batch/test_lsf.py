"""LSF."""

import os

import pytest

from pilot.node.batch.detect import detect_job

NOW = 1795230000.0


@pytest.mark.parametrize("index, job_id", [("3", "8[3]"), ("0", "8"), (None, "8")])
def test_the_parts_of_an_lsf_array_are_asked_for_one_by_one(programs, index, job_id):
    programs.make("bjobs", "echo '0:10 L'")
    environ = {"LSB_JOBID": "8", "PATH": os.environ["PATH"]}
    job = detect_job(dict(environ, LSB_JOBINDEX=index) if index else environ, NOW)
    assert job.job_id == job_id
    assert job.time_left_s == 600
    assert programs.calls("bjobs") == ["-noheader -o time_left " + job_id]

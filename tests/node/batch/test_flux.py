"""Flux."""

import os

import pytest

from pilot.node.batch.detect import detect_job
from pilot.node.batch.flux import SYSTEM


@pytest.mark.parametrize(
    "text, left", [("1234\n", 1234.0), ("0\n", 0.0), ("-5\n", None), ("inf\n", None), ("", None)]
)
def test_only_whole_seconds_are_believed(text, left):
    assert SYSTEM.parse_answer(text, 0.0, {}) == left


def test_flux_is_asked_without_the_jobs_id_which_it_knows_itself(programs):
    programs.make("flux", "echo 60")
    job = detect_job({"FLUX_JOB_ID": "f23", "PATH": os.environ["PATH"]}, 0.0)
    assert (job.job_id, job.time_left_s, job.source) == ("f23", 60.0, "flux")
    assert programs.calls("flux") == ["job timeleft"]

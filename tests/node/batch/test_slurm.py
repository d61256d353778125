"""Slurm."""

import os

from pilot.node.batch.detect import detect_job

NOW = 1795230000.0


def test_a_part_of_an_array_is_asked_for_by_its_own_number(programs):
    """Part 5 of the array 5 has the array's own number; asked for that, squeue tells of all
    parts."""
    programs.make(
        "squeue", 'case "$*" in *"-j 5_2 "*) echo 5:00;; *) printf "5:00\\n5:00\\n";; esac'
    )
    job = detect_job(
        {
            "SLURM_JOB_ID": "5",
            "SLURM_ARRAY_JOB_ID": "5",
            "SLURM_ARRAY_TASK_ID": "2",
            "PATH": os.environ["PATH"],
        },
        NOW,
    )
    assert (job.job_id, job.time_left_s) == ("5_2", 300.0)

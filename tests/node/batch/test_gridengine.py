"""Grid Engine."""

import os
import time

import pytest

from pilot.node.batch.detect import detect_job
from pilot.node.batch.gridengine import SYSTEM, job_began

NOW = 1795230000.0

QSTAT_J = """==============================================================
job_number:                 4711
exec_file:                  job_scripts/4711
submission_time:            Fri Nov 20 03:00:00 2026
owner:                      pilot
hard resource_list:         h_rt=7200,h_vmem=4G
start_time            1:    {start}
usage         1:            cpu=00:00:01, mem=0.00000 GBs
"""

# Grid Engine 8.1.9, captured inside a job: it has no start_time
QSTAT_J_819 = """==============================================================
job_number:                 1
exec_file:                  job_scripts/1
submission_time:            Fri Nov 20 06:22:13 2026
owner:                      root
hard resource_list:         h_rt=600
notify:                     FALSE
job_name:                   sgejob.sh
usage         1:            cpu=00:00:00, mem=0.00000 GB s, io=0.00038 GB, vmem=3.426M, maxvmem=3.426M
scheduling info:            There are no messages available
"""


def _left_s(text, now, spool=""):
    return SYSTEM.parse_answer(text, now, {"SGE_JOB_SPOOL_DIR": str(spool)} if spool else {})


def test_grid_engine_needs_a_job_not_just_an_installation():
    assert (
        detect_job({"SGE_ROOT": "/opt/sge"}, NOW, ask=False, cloud_id="/nowhere").system == "local"
    )


def test_grid_engines_limit_counts_from_the_start(tmp_path):
    start = time.strftime("%m/%d/%Y %H:%M:%S", time.localtime(NOW - 200))
    assert _left_s(QSTAT_J.format(start=start + ".123"), NOW) == 7000.0
    start = time.strftime("%a %b %d %H:%M:%S %Y", time.localtime(NOW - 200))
    assert _left_s(QSTAT_J.format(start=start), NOW) == 7000.0
    assert _left_s(QSTAT_J_819, NOW) is None
    (tmp_path / "environment").write_text("")
    os.utime(str(tmp_path / "environment"), (NOW - 100, NOW - 100))
    assert _left_s(QSTAT_J_819, NOW, tmp_path) == 500.0
    assert _left_s("Following jobs do not exist:\n4711", NOW) is None


def test_grid_engines_spool_folder_tells_when_the_job_began(tmp_path):
    (tmp_path / "environment").write_text("")
    os.utime(str(tmp_path / "environment"), (NOW, NOW))
    assert job_began({"SGE_JOB_SPOOL_DIR": str(tmp_path)}) == NOW
    assert job_began({}) is None
    assert job_began({"SGE_JOB_SPOOL_DIR": "/nowhere"}) is None


@pytest.mark.parametrize("task, job_id", [("3", "5.3"), ("undefined", "5")])
def test_the_parts_of_an_array_have_ids_and_ends_of_their_own(programs, tmp_path, task, job_id):
    programs.make(
        "qstat",
        "printf 'hard resource_list: h_rt=1000\\nstart_time 1: 11/20/2026 10:00:00\\n"
        "start_time 2: 11/20/2026 11:00:00\\n'",
    )
    began = time.mktime(time.strptime("11/20/2026 10:00:00", "%m/%d/%Y %H:%M:%S"))
    job = detect_job({"JOB_ID": "5", "SGE_TASK_ID": task, "PATH": os.environ["PATH"]}, began + 100)
    assert job.job_id == job_id
    assert job.time_left_s == 900
    assert programs.calls("qstat") == ["-j 5"]
    (tmp_path / "environment").write_text("")
    # our own part's beginning
    os.utime(str(tmp_path / "environment"), (began + 3600, began + 3600))
    job = detect_job(
        {
            "JOB_ID": "5",
            "SGE_TASK_ID": task,
            "PATH": os.environ["PATH"],
            "SGE_JOB_SPOOL_DIR": str(tmp_path),
        },
        began + 3700,
    )
    assert job.time_left_s == 900

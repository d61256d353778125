"""OAR."""

import time

from pilot.node.batch.detect import detect_job
from pilot.node.batch.oar import SYSTEM

NOW = 1795230000.0

OARSTAT = """Job_Id: 4711
    jobType = PASSIVE
    startTime = {start}
    walltime = 2:0:0
    state = Running
"""


def _left_s(text, now):
    return SYSTEM.parse_answer(text, now, {})


def test_oars_walltime_counts_from_the_start():
    start = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(NOW - 200))
    assert _left_s(OARSTAT.format(start=start), NOW) == 7000.0
    assert _left_s("", NOW) is None


def test_oars_own_walltime_where_its_program_cannot_be_asked():
    job = detect_job(
        {"OAR_JOB_ID": "5", "OAR_JOB_WALLTIME_SECONDS": "7200", "PATH": "/nowhere"}, 0.0
    )
    assert (job.time_left_s, job.source) == (7200.0, "OAR_JOB_WALLTIME_SECONDS")

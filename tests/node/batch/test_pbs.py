"""PBS Pro, OpenPBS and Torque."""

import os

import pytest

from pilot.node.batch.detect import detect_job
from pilot.node.batch.oar import SYSTEM as OAR
from pilot.node.batch.pbs import SYSTEM as PBS

QSTAT = """Job Id: 4711.pbs
    resources_used.walltime = %s
    Resource_List.walltime = %s
"""


def test_pbs_counts_this_hosts_lines(tmp_path):
    (tmp_path / "nodes").write_text("h1\nh1\nh2\n")
    assert PBS.cores({"PBS_NODEFILE": str(tmp_path / "nodes")}) == 2
    assert OAR.cores({"OAR_NODEFILE": str(tmp_path / "nodes")}) == 2
    assert PBS.cores({}) is None
    assert OAR.cores({}) is None


@pytest.mark.parametrize(
    "environ, cores",
    [
        ({"PBS_NUM_PPN": "3", "NCPUS": "8"}, 3),
        ({"NCPUS": "8"}, 8),
        ({"PBS_NUM_PPN": "0", "NCPUS": "x"}, None),
        ({"PBS_NODEFILE": "/no/such/file"}, None),
    ],
)
def test_what_the_variables_tell_counts_before_the_file(environ, cores):
    assert PBS.cores(environ) == cores


@pytest.mark.parametrize(
    "used, limit, left",
    [
        ("01:00:30", "48:00:00", 169170.0),
        ("00:00:00", "00:10:00", 600.0),
        ("02:00:00", "01:00:00", 0.0),
        ("junk", "01:00:00", 3600.0),
        ("01:00:00", "UNLIMITED", None),
    ],
)
def test_the_time_left_is_the_limit_less_what_was_used(used, limit, left):
    assert PBS.parse_answer(QSTAT % (used, limit), 0.0, {}) == left


def test_the_job_is_asked_for_by_its_whole_id(programs):
    programs.make("qstat", "cat <<'E'\n%sE" % (QSTAT % ("0:30", "1:30")))
    job = detect_job({"PBS_JOBID": "4711.pbs", "PATH": os.environ["PATH"]}, 0.0)
    assert job.time_left_s == 60.0
    assert programs.calls("qstat") == ["-f 4711.pbs"]


def test_the_queue_that_it_runs_in_counts_before_the_one_it_was_sent_to():
    assert PBS.queue({"PBS_QUEUE": "short", "PBS_O_QUEUE": "routing"}) == "short"


def test_its_warning_reaches_payloads_too():
    assert PBS.warns_every_process

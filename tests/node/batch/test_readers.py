"""What the batch systems' files share."""

import os

import pytest

from pilot.node.batch.gridengine import SYSTEM as GRIDENGINE
from pilot.node.batch.lsf import SYSTEM as LSF
from pilot.node.batch.oar import SYSTEM as OAR
from pilot.node.batch.readers import seconds_of_duration


@pytest.mark.parametrize(
    "text, seconds",
    [
        ("30", 30),
        ("1:30", 90),
        ("1:00:00", 3600),
        ("2-0:0:1", 172801),
        ("UNLIMITED", None),
        ("", None),
        ("x-1:0", None),
        ("1:2:3:4", None),
        ("-5", None),
    ],
)
def test_durations(text, seconds):
    assert seconds_of_duration(text) == seconds


def test_of_a_job_on_many_hosts_only_ours_counts(tmp_path):
    own = os.uname().nodename
    (tmp_path / "nodes").write_text("h1\nh1\n%s.example.org\n" % own)
    (tmp_path / "pe").write_text("h1 4 q@h1 UNDEFINED\n%s 3 q@x UNDEFINED\n" % own)
    assert OAR.cores({"OAR_NODEFILE": str(tmp_path / "nodes")}) == 1
    assert GRIDENGINE.cores({"NSLOTS": "7", "PE_HOSTFILE": str(tmp_path / "pe")}) == 3
    assert GRIDENGINE.cores({"NSLOTS": "2"}) == 2
    assert GRIDENGINE.cores({}) is None
    assert LSF.cores({"LSB_DJOB_NUMPROC": "6", "LSB_MCPU_HOSTS": "h1 4 %s 2" % own}) == 2
    assert LSF.cores({"LSB_DJOB_NUMPROC": "6"}) == 6

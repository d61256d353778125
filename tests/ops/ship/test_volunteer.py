"""What a BOINC project gets."""

import re

from pilot.ops.ship.__main__ import main


def test_a_virtual_machine_of_boinc_outlives_its_pilot_and_a_sick_one_is_slow(tmp_path):
    assert (
        main(["boinc", "-o", str(tmp_path), "--walltime", "3600", "--", "-X", "CheckWorkerNode"])
        == 0
    )
    text = (tmp_path / "vbox_job.xml").read_text()
    assert int(re.search("<job_duration>(\\d+)<", text).group(1)) >= 3600 + 600
    assert int(re.search("<minimum_heartbeat_interval>(\\d+)<", text).group(1)) > 60
    assert "<multi_process/>" in (tmp_path / "job.xml").read_text()
    assert "720-900" in (tmp_path / "pilot.py").read_text()
    assert main(["boinc", "-o", str(tmp_path), "--", "-X", "CheckWorkerNode", "--hold-s", "0"]) == 0
    assert "720-900" not in (tmp_path / "pilot.py").read_text()

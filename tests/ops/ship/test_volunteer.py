"""What a BOINC project gets."""

import re
from xml.etree import ElementTree

import pytest

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


def test_the_report_becomes_the_result_file(ship):
    assert "--report out" in ship("boinc")[1]


@pytest.mark.parametrize("words", [("--report", "mine"), ("--report=mine",)])
def test_a_report_that_is_said_is_not_said_again(ship, words):
    assert "--report out" not in ship("boinc", "--", *words)[1]


def test_the_machine_has_the_slot_that_was_asked_for(ship):
    folder, _ = ship("boinc", "--cores", "4", "--memory", "9000", "--walltime", "2h")
    vbox = ElementTree.parse(str(folder / "vbox_job.xml"))
    app = ElementTree.parse(str(folder / "app_info.xml"))
    assert (
        vbox.findtext("memory_size_mb"),
        vbox.findtext("job_duration"),
        app.findtext("app_version/avg_ncpus"),
    ) == ("9000", "7800", "4")


def test_every_file_for_the_client_is_good_xml(ship):
    folder, _ = ship("boinc")
    tags = {ElementTree.parse(str(path)).getroot().tag for path in folder.glob("*.xml")}
    assert tags == {"app_info", "job_desc", "vbox_job"}


def test_inside_a_machine_the_client_is_heard_through_the_shared_folder(ship):
    assert "--boinc-completion-file /shared/completion" in ship("boinc")[1]

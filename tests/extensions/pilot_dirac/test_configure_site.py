"""Where the pilot runs, and what was set by -o, in pilot.cfg."""

import types

from tests.conftest import extension
from tests.extensions.pilot_dirac.dirac_client import NINE, settings_in, settings_of

UNKNOWN = dict.fromkeys(("BinaryPath", "Host", "InfoPath", "Queue"), "Unknown")
ConfigureSite = extension("pilot_dirac.configure_site").ConfigureSite


def test_nothing_of_a_value_is_run_and_empty_ones_swallow_nothing(flight, client, tmp_path):
    ended = flight(
        "-o", "/LocalSite/Odd=$(touch %s) `id` ; x" % (tmp_path / "run"), "-n", "A site; rm x"
    )
    assert ended.code == 0
    assert not (tmp_path / "run").exists()
    found = settings_of(ended)["LocalSite"]
    assert found["Odd"] == "$(touch %s) `id` ; x" % (tmp_path / "run")
    assert found["Site"] == "A site; rm x"
    assert client.calls("dirac-resource-get-parameters")[0][:2] == ["-S", "A site; rm x"]
    ended = flight("-Q", "", "-X", NINE)
    assert ended.status("CheckCECapabilities") == "skipped"
    assert client.calls("dirac-wms-get-wn-parameters")[-1][:4] == [
        "-S",
        "LCG.TEST.org",
        "-N",
        "ce.test",
    ]


def test_every_option_is_passed_on_and_words_are_not(flight, client):
    ended = flight("-o", "/LocalSite/A=1", "-o", "cvmfsOnly", "-o", "/LocalSite/B=2", "-X", NINE)
    found = settings_of(ended)["LocalSite"]
    assert (found["A"], found["B"]) == ("1", "2")
    assert not any("cvmfsOnly" in words for words in client.calls("dirac-configure"))


def test_a_line_break_in_a_value_stays_a_value(flight):
    ended = flight("-o", "/LocalSite/A=x\n}\n", "-X", NINE)
    assert ended.code == 0
    assert settings_of(ended)["LocalSite"]["A"] == "x }"


def test_the_batch_system_is_written(step, tmp_path):
    step(ConfigureSite, SLURM_JOB_ID="12", SLURM_JOB_PARTITION="long")
    assert settings_in(tmp_path)["LocalSite"]["BatchSystemInfo"] == {
        "Type": "SLURM",
        "JobID": "12",
        "Parameters": dict(UNKNOWN, Queue="long"),
    }


def test_outside_a_batch_system_all_of_it_is_unknown(step, tmp_path):
    """The section has to be there: DIRAC's plug-ins of batch systems fail without it."""
    step(ConfigureSite)
    found = settings_in(tmp_path)["LocalSite"]["BatchSystemInfo"]
    assert found == {"Type": "Unknown", "JobID": "Unknown", "Parameters": UNKNOWN}


def test_the_inner_computing_element_is_written(step, tmp_path):
    step(ConfigureSite, {"local_ce_type": "Pool/Singularity"})
    assert settings_in(tmp_path)["LocalSite"]["LocalCE"] == "Pool/Singularity"


def test_what_is_no_assignment_to_a_path_is_left_out():
    pp = types.SimpleNamespace(genericOptions=("/A/B = c=d", "cvmfsOnly", "x=1"))
    assert ConfigureSite(pp).cfg_pairs() == {"/A/B": "c=d"}


def test_what_is_in_the_file_already_is_kept(step, tmp_path):
    (tmp_path / "pilot.cfg").write_text("LocalSite\n{\n  Mine = 1\n}\n")
    step(ConfigureSite, {"site": "LCG.T.org"})
    assert settings_in(tmp_path)["LocalSite"]["Mine"] == "1"


def test_a_malformed_file_is_told_and_left_as_it_is(step, tmp_path):
    (tmp_path / "pilot.cfg").write_text("A\n{\n")
    outcome = step(ConfigureSite).outcome
    assert "pilot.cfg cannot be changed: " in outcome.reason
    assert "a } is missing at the end" in outcome.reason
    assert (tmp_path / "pilot.cfg").read_text() == "A\n{\n"

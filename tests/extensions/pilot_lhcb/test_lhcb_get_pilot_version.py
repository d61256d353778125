"""The release of LHCbDIRAC is told."""

from tests.conftest import extension

GetVersion = extension("pilot_lhcb.lhcb_get_pilot_version").LHCbGetPilotVersion


def test_the_release_is_told_by_lhcbs_name(pilot):
    ended = pilot("-E", "lhcb,dirac", "-X", "LHCbGetPilotVersion", "-r", "v10r1p2")
    assert "LHCbGetPilotVersion: release 10.1.2" in ended.out


def test_no_program_of_diracs_is_needed(step):
    assert step(GetVersion, PATH="/nowhere").outcome.status == "ok"

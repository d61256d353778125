"""LHCb's shared area beside what DIRAC writes of the site."""

from tests.conftest import extension
from tests.extensions.pilot_dirac.dirac_client import settings_in

Site = extension("pilot_lhcb.lhcb_configure_site").LHCbConfigureSite


def test_a_shared_area_is_written(step, tmp_path):
    step(Site, VO_LHCB_SW_DIR="/opt/lhcb sw")
    assert settings_in(tmp_path)["LocalSite"]["SharedArea"] == "/opt/lhcb sw"


def test_without_one_nothing_of_it_is_written(step, tmp_path):
    step(Site)
    assert "SharedArea" not in settings_in(tmp_path)["LocalSite"]


def test_the_site_is_written_as_dirac_does(step, tmp_path):
    step(Site, {"site": "LCG.CERN.cern"}, VO_LHCB_SW_DIR="/opt/lhcb")
    assert settings_in(tmp_path)["LocalSite"]["Site"] == "LCG.CERN.cern"

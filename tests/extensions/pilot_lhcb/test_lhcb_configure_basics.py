"""pilot.cfg for LHCb's project."""

import pytest

from tests.conftest import extension

Basics = extension("pilot_lhcb.lhcb_configure_basics").LHCbConfigureBasics


@pytest.mark.parametrize("settings, project", [({}, "LHCb"), ({"release_project": "Mine"}, "Mine")])
def test_the_project_is_lhcbs_unless_another_is_named(step, client, settings, project):
    step(Basics, settings)
    words = client.calls("dirac-configure")[0]
    assert words[words.index("-e") + 1] == project


def test_the_project_is_in_the_configuration_too(step, client):
    step(Basics)
    assert "/LocalSite/ReleaseProject=LHCb" in client.calls("dirac-configure")[0]

"""LHCb's program for the platform, unless another is named."""

from tests.conftest import extension
from tests.extensions.pilot_dirac.dirac_client import settings_in

Architecture = extension("pilot_lhcb.lhcb_configure_architecture").LHCbConfigureArchitecture


def test_lhcbs_own_program_is_asked(step, client, tmp_path):
    step(Architecture)
    assert settings_in(tmp_path)["LocalSite"]["Architecture"] == "x86_64-el9"


def test_diracs_program_is_not_asked(step, client):
    step(Architecture)
    assert client.calls("dirac-platform") == []


def test_a_program_that_is_named_is_asked_instead(step, client):
    step(Architecture, {"architecture_script": "dirac-platform -x"})
    assert client.calls("dirac-platform") == [["-x", "-ddd"]]


def test_a_program_that_says_nothing_is_named(step, client):
    client.say(dirac_architecture={"out": ""})
    assert step(Architecture).outcome.reason == "dirac-architecture printed no platform"

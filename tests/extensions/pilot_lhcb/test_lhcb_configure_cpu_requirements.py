"""The CPU power and the work left, by LHCb's name."""

from tests.conftest import extension
from tests.extensions.pilot_dirac.dirac_client import settings_in

Requirements = extension("pilot_lhcb.lhcb_configure_cpu_requirements").LHCbConfigureCPURequirements


def test_the_power_is_written_as_dirac_does(step, tmp_path):
    step(Requirements, {"cpu_power": 20})
    assert settings_in(tmp_path)["LocalSite"]["CPUNormalizationFactor"] == "20.0"


def test_a_failure_bears_lhcbs_name(step, client):
    client.say(dirac_wms_get_queue_cpu_time={"out": ""})
    outcome = step(Requirements, {"cpu_power": 20}).outcome
    assert (outcome.command, outcome.status) == ("LHCbConfigureCPURequirements", "failed")

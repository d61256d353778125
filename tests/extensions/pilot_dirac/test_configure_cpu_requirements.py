"""The CPU power, corrected by DIRAC, and the CPU work that is left."""

import pytest

from pilot.facts import CPUPower
from tests.conftest import extension
from tests.extensions.pilot_dirac.dirac_client import settings_in

Requirements = extension("pilot_dirac.configure_cpu_requirements").ConfigureCPURequirements
params = extension("pilot_dirac.params")


@pytest.fixture
def measured(step, client):
    """Runs the command where the power is 20 and DIRAC's Python says this."""

    def run(shell):
        (client.bin / "python3").write_text("#!/bin/sh\n%s\n" % shell)
        (client.bin / "python3").chmod(0o755)
        return step(Requirements, {"cpu_power": 20})

    return run


def test_the_power_is_divided_by_diracs_correction(measured, tmp_path):
    measured("echo correction 2.0")
    assert settings_in(tmp_path)["LocalSite"]["CPUNormalizationFactor"] == "10.0"


def test_later_commands_find_the_corrected_power(measured):
    assert measured("echo correction 2.0").fact(CPUPower).power == 10.0


@pytest.mark.parametrize("shell", ["exit 1", "echo nothing", "echo correction much"])
def test_where_dirac_does_not_tell_nothing_is_corrected(measured, tmp_path, shell):
    measured(shell)
    assert settings_in(tmp_path)["LocalSite"]["CPUNormalizationFactor"] == "20.0"


def test_the_queue_is_asked_with_the_power(measured, client):
    measured("echo correction 2.0")
    words = client.calls("dirac-wms-get-queue-cpu-time")[0]
    assert words == ["--CPUNormalizationFactor=10.000000", "--cfg", "pilot.cfg", "-d"]


def test_the_work_left_is_the_time_by_the_power(measured, tmp_path):
    measured("echo correction 2.0")
    assert settings_in(tmp_path)["LocalSite"]["CPUTimeLeft"] == "72000"


def test_the_agent_asks_for_the_work_that_is_left(measured):
    assert params.params_of(measured("exit 1").context).jobCPUReq == 144000


def test_a_queue_without_a_time_makes_the_node_unfit(measured, client):
    client.say(dirac_wms_get_queue_cpu_time={"out": "nothing\n"})
    outcome = measured("exit 1").outcome
    assert outcome.exit_code == 10
    assert "dirac-wms-get-queue-cpu-time printed no CPU time; its last line: nothing" in outcome.reason

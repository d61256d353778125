"""The platform, as dirac-platform or another program tells it."""

import platform

from tests.conftest import extension
from tests.extensions.pilot_dirac.dirac_client import settings_in

ConfigureArchitecture = extension("pilot_dirac.configure_architecture").ConfigureArchitecture


def test_the_last_line_that_says_something_is_the_platform(step, client, tmp_path):
    client.say(dirac_platform={"out": "a warning\nLinux_x86_64_glibc-2.17\n\n"})
    step(ConfigureArchitecture)
    assert settings_in(tmp_path)["LocalSite"]["Architecture"] == "Linux_x86_64_glibc-2.17"


def test_the_machine_stands_beside_it(step, tmp_path):
    step(ConfigureArchitecture)
    assert settings_in(tmp_path)["LocalSite"]["Platform"] == platform.machine()


def test_another_program_may_have_arguments(step, client):
    step(ConfigureArchitecture, {"architecture_script": "dirac-architecture --full 'a b'"})
    assert client.calls("dirac-architecture") == [["--full", "a b", "-ddd"]]


def test_a_program_reads_the_configuration(step, client, tmp_path):
    (tmp_path / "pilot.cfg").write_text("")
    step(ConfigureArchitecture)
    assert client.calls("dirac-platform") == [["--cfg", "pilot.cfg", "-ddd"]]


def test_a_program_in_a_container_is_one_word(step, client, tmp_path):
    (tmp_path / "pilot.cfg").write_text("")
    client.add("dirac-apptainer-exec", out="Linux_in_a_container\n")
    step(ConfigureArchitecture, {"architecture_script": "dirac-apptainer-exec dirac-platform"})
    assert client.calls("dirac-apptainer-exec") == [
        ["dirac-platform --cfg pilot.cfg -ddd", "--cfg", "pilot.cfg"]
    ]
    assert settings_in(tmp_path)["LocalSite"]["Architecture"] == "Linux_in_a_container"


def test_a_program_that_is_not_there_is_named(step):
    outcome = step(ConfigureArchitecture, {"architecture_script": "no-such-program"}).outcome
    assert outcome.exit_code == 30
    assert "no-such-program" in outcome.reason


def test_a_program_that_says_nothing_is_named_and_nothing_is_written(step, client, tmp_path):
    client.say(dirac_platform={"out": "\n"})
    outcome = step(ConfigureArchitecture).outcome
    assert outcome.reason == "dirac-platform printed no platform"
    assert not (tmp_path / "pilot.cfg").exists()

"""The programs of the recording client do what DIRAC's do to pilot.cfg."""

import os
import subprocess

import pytest

from tests.conftest import extension

Client = extension("pilot_dirac.ops.client").Client
cfg = extension("pilot_dirac.cfg")


@pytest.fixture
def run(tmp_path):
    """Starts a program of a client in tmp_path; returns the sections of pilot.cfg."""
    client = Client(str(tmp_path / "client"))

    def start(name, *words, **environ):
        subprocess.check_call(
            [os.path.join(client.bin, name)] + list(words), cwd=str(tmp_path),
            env=dict(os.environ, **environ), stdout=subprocess.DEVNULL,
        )
        return cfg.parse_cfg((tmp_path / "pilot.cfg").read_text())

    return start


def test_configure_writes_what_its_letters_stand_for(run):
    found = run("dirac-configure", "-S", "Set", "-C", "dips://a", "-e", "Vo", "-n", "site", "-N", "ce",
                "-DMH", "--UseServerCertificate", "-o", "/X/Y=1", "-O", "pilot.cfg")
    assert found == {
        "LocalInstallation": {
            "SkipCADownload": "True", "SkipVOMSDownload": "True", "SkipCAChecks": "True",
            "UseServerCertificate": "True", "Setup": "Set", "ConfigurationServer": "dips://a",
            "Extensions": "Vo", "SiteName": "site", "CEName": "ce",
        },
        "DIRAC": {"Setup": "Set", "Configuration": {"Servers": "dips://a"}, "Extensions": "Vo"},
        "LocalSite": {"Site": "site", "GridCE": "ce"},
        "X": {"Y": "1"},
    }


def test_configure_keeps_what_the_configuration_has(run, tmp_path):
    run("dirac-configure", "-o", "/X/Y=1", "-O", "pilot.cfg")
    path = str(tmp_path / "pilot.cfg")
    found = run("dirac-configure", "-FDMH", "-o", "/X/Z=2", "-O", "pilot.cfg", DIRACSYSCONFIG=path)
    assert found["X"] == {"Y": "1", "Z": "2"}


def test_a_gateway_is_the_servers_and_the_sites(run):
    found = run("dirac-configure", "-W", "dips://gate", "-n", "site", "-O", "pilot.cfg")
    assert found["DIRAC"]["Gateways"] == {"site": "dips://gate"}
    assert found["DIRAC"]["Configuration"]["Servers"] == "dips://gate/Configuration/Server"


def test_the_power_goes_into_the_file(run, tmp_path):
    (tmp_path / "pilot.cfg").write_text("")
    found = run("dirac-wms-cpu-normalization", "-U", "-R", "pilot.cfg")
    assert found["LocalSite"]["CPUNormalizationFactor"] == "20.0"

"""What DIRAC's programs receive, and what stands in pilot.cfg, where sites noticed a difference."""

import json
import logging

from tests.conftest import extension, until
from tests.extensions.pilot_dirac.dirac_client import settings_of

command = extension("pilot_dirac.command")
AFTER = ("dirac-configure", "dirac-admin-add-pilot", "dirac-resource-get-parameters",
         "dirac-wms-get-wn-parameters", "dirac-platform", "dirac-wms-get-queue-cpu-time", "dirac-agent")


def shared(tmp_path):
    """A place as CVMFS has it, with certificates, VOMS' folders, and nothing else."""
    place = tmp_path / "shared"
    for name in ("certificates", "vomsdir", "vomses"):
        (place / "etc" / "grid-security" / name).mkdir(parents=True)
        (place / "etc" / "grid-security" / name / "file").write_text("x")
    return place


def test_every_program_gets_the_shared_certificates(flight, client, tmp_path):
    """Also where DIRAC's own script would set other folders if these were not set."""
    place = shared(tmp_path)
    client.env.write_text(
        client.env.read_text()
        + ': "${X509_CERT_DIR:=/diracos/etc}" "${X509_VOMS_DIR:=/diracos/etc}"\n'
        + "export X509_CERT_DIR X509_VOMS_DIR\n"
    )
    ended = flight("--CVMFS_locations=%s" % place, env={"PATH": "/usr/bin:/bin"})
    assert ended.code == 0, ended.out
    folders = {
        "X509_CERT_DIR": "certificates", "X509_VOMS_DIR": "vomsdir", "X509_VOMSES": "vomses",
        "DIRAC_VOMSES": "vomses",
    }
    seen = client.environs()
    assert {name for name, _ in seen} >= set(AFTER)
    for name, environ in seen:
        found = {variable: environ.get(variable) for variable in folders}
        assert found == {
            variable: str(place / "etc" / "grid-security" / folder)
            for variable, folder in folders.items()
        }, name


def test_a_host_certificate_is_where_programs_look_for_a_proxy(flight, client, tmp_path):
    flight("--cert", "--certLocation=%s" % tmp_path)
    found = {environ.get("X509_USER_PROXY") for name, environ in client.environs() if name in AFTER}
    assert found == {str(tmp_path)}


def test_one_reference_is_registered_configured_and_stamped(flight, client):
    ended = flight("-R", "myref")
    assert client.calls("dirac-admin-add-pilot")[0][:4] == ["myref", "dteam", "DIRAC", "myref"]
    assert settings_of(ended)["LocalSite"]["PilotReference"] == "myref"
    assert {environ.get("DIRAC_PILOT_STAMP") for name, environ in client.environs()
            if name in AFTER} == {"myref"}


def test_a_stamp_that_the_site_set_stays(flight, client):
    ended = flight("-R", "myref", env={"PATH": "/usr/bin:/bin", "DIRAC_PILOT_STAMP": "abc"})
    assert client.calls("dirac-admin-add-pilot")[0][3] == "abc"
    assert settings_of(ended)["LocalSite"]["PilotReference"] == "myref"


def test_condor_is_known_by_its_ad(flight, tmp_path):
    environ = {"PATH": "/usr/bin:/bin", "_CONDOR_JOB_AD": "/the/ad", "CONDOR_JOBID": "77.0"}
    found = settings_of(flight(env=environ))["LocalSite"]
    assert found["GridMiddleware"] == "SSHHTCondor"
    assert found["PilotReference"] == "sshcondor://ce.test/77.0"
    assert found["BatchSystemInfo"]["Type"] == "HTCondor"
    assert found["BatchSystemInfo"]["Parameters"]["InfoPath"] == "/the/ad"


def test_a_whole_node_is_a_parameter_and_a_tag(flight, client):
    client.say(dirac_resource_get_parameters={"out": json.dumps({"WholeNode": "True"}) + "\n"})
    found = settings_of(flight())
    assert found["LocalSite"]["WholeNode"] == "True"
    assert found["Resources"]["Computing"]["CEDefaults"]["Tag"] == "WholeNode"


def test_a_gateway_is_the_sites(flight):
    found = settings_of(flight("-W", "dips://gate:9159"))
    assert found["DIRAC"]["Gateways"]["LCG.TEST.org"] == "dips://gate:9159"


def test_the_default_setup_is_told(flight, client, tmp_path):
    path = tmp_path / "p.json"
    path.write_text(json.dumps({"DefaultSetup": "Old-Setup", "ConfigurationServers": ["dips://c"],
                                "CEs": {}}))
    flight("--config", str(path))
    words = client.calls("dirac-configure")[0]
    assert words[words.index("-S") + 1] == "Old-Setup"


def test_the_queues_processors_do_not_hide_the_slots(flight, client):
    """DIRAC's CE class reads CEDefaults first and LocalSite last."""
    client.say(dirac_resource_get_parameters={"out": '{"NumberOfProcessors": "8"}\n'})
    found = settings_of(flight("--pilotProcessors", "1"))
    assert found["LocalSite"]["NumberOfProcessors"] == "1"
    assert found["Resources"]["Computing"]["CEDefaults"]["NumberOfProcessors"] == "1"


def test_a_program_that_hangs_is_started_once_more_and_told(step, client, caplog):
    log = logging.getLogger("pilot.test")
    with caplog.at_level("INFO"), command.waiting_told(log, "dirac-configure", 0.01):
        until(lambda: "has been running" in caplog.text)
    client.say(dirac_platform={"hangs": True})

    class Ask(command.DiracCommand):
        def execute(self):
            self.run_program(["dirac-platform"], ok=None)

    step(Ask, {"program_timeout_s": 1.0})
    assert len(client.calls("dirac-platform")) == 2


def test_modules_win_over_a_shared_installation(install, installer, client, tmp_path):
    place = tmp_path / "cvmfs" / "dirac" / "pro" / "Linux-x86_64"
    place.mkdir(parents=True)
    (place / "diracosrc").write_text(client.env.read_text())
    ended = install("--modules", "/src/DIRAC", "--CVMFS_locations=%s" % (tmp_path / "cvmfs"),
                    "--diracos-url", str(installer))
    assert ended.code == 0, ended.out
    assert ["install", "/src/DIRAC[pilot]"] in client.calls("pip")
    assert "no shared installation is used" in ended.out


def test_commands_in_the_wrong_place_are_read_last(pilot, tmp_path):
    path = tmp_path / "p.json"
    data = {"Setups": {"S": {"Version": "v9"}}, "ConfigurationServers": ["dips://c"],
            "Defaults": {"Commands": {"Defaults": "CheckWorkerNode"}}}
    path.write_text(json.dumps(data))
    ended = pilot("-E", "dirac", "--config", str(path), "-S", "S", "--plan")
    assert "CheckWorkerNode" in ended.out
    assert "InstallDIRAC" not in ended.out

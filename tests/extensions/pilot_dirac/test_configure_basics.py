"""pilot.cfg as dirac-configure begins it: servers, release, owner, security."""

import os

import pytest

from tests.conftest import extension

ConfigureBasics = extension("pilot_dirac.configure_basics").ConfigureBasics


@pytest.mark.parametrize(
    "settings, letter, text",
    [
        ({"configuration_servers": "dips://a,dips://b"}, "-C", "dips://a,dips://b"),
        ({"release_project": "LHCb"}, "-e", "LHCb"),
        ({"gateway": "dips://gate way"}, "-W", "dips://gate way"),
        ({"setup": "LHCb-Production"}, "-S", "LHCb-Production"),
    ],
)
def test_what_was_set_is_one_word_behind_its_letter(step, client, settings, letter, text):
    step(ConfigureBasics, settings)
    words = client.calls("dirac-configure")[0]
    assert words[words.index(letter) + 1] == text


@pytest.mark.parametrize(
    "settings, word",
    [
        (
            {"owner_dn": "/O=Grid/CN=Jane $(id)"},
            "/AgentJobRequirements/OwnerDN=/O=Grid/CN=Jane $(id)",
        ),
        ({"user_group": "dteam_pilot"}, "/AgentJobRequirements/OwnerGroup=dteam_pilot"),
        ({"release_version": "v9r1,v9r0"}, "/LocalSite/ReleaseVersion=9.1.0"),
        ({"vo": "dteam"}, "/Resources/Computing/CEDefaults/VirtualOrganization=dteam"),
        ({"cvmfs_locations": "/cvmfs/a /cvmfs/b"}, "/LocalSite/CVMFS_locations=/cvmfs/a,/cvmfs/b"),
        ({"preferred_url_patterns": "a.*,b"}, "/DIRAC/PreferredURLPatterns=a.*, b"),
    ],
)
def test_what_has_no_letter_is_an_option_of_the_configuration(step, client, settings, word):
    step(ConfigureBasics, settings)
    assert word in client.calls("dirac-configure")[0]


def test_a_vo_that_nobody_knows_is_not_written(step, client):
    step(ConfigureBasics)
    assert not [word for word in client.calls("dirac-configure")[0] if "Organization" in word]


def test_a_host_certificate_is_named_with_its_key(step, client):
    step(ConfigureBasics, {"use_server_certificate": True, "cert_location": "/etc/my certs"})
    words = client.calls("dirac-configure")[0]
    at = words.index("--UseServerCertificate")
    assert words[at + 1 :][:6] == [
        "-o",
        "/DIRAC/Security/UseServerCertificate=yes",
        "-o",
        "/DIRAC/Security/CertFile=/etc/my certs/hostcert.pem",
        "-o",
        "/DIRAC/Security/KeyFile=/etc/my certs/hostkey.pem",
    ]


def test_without_a_host_certificate_none_is_named(step, client):
    step(ConfigureBasics, {"cert_location": "/etc/my certs"})
    assert "--UseServerCertificate" not in client.calls("dirac-configure")[0]


def test_what_is_installed_for_all_keeps_its_own_certificates(flight, client):
    flight("-X", "InstallDIRAC,ConfigureBasics")
    assert "-DMH" in client.calls("dirac-configure")[0]


def test_what_is_installed_here_fetches_its_certificates(step, client):
    step(ConfigureBasics)
    assert "-DMH" not in client.calls("dirac-configure")[0]


@pytest.mark.parametrize("debug", [True, False])
def test_debug_is_passed_on(step, client, debug):
    step(ConfigureBasics, {"debug": debug})
    assert ("-ddd" in client.calls("dirac-configure")[0]) == debug


def test_an_old_link_is_made_anew(step, tmp_path):
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "dirac.cfg").symlink_to("/nowhere/pilot.cfg")
    step(ConfigureBasics)
    assert os.readlink(str(tmp_path / "etc" / "dirac.cfg")) == "../pilot.cfg"


def test_a_file_in_the_links_place_is_left_alone(step, tmp_path):
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "dirac.cfg").write_text("mine")
    step(ConfigureBasics)
    assert (tmp_path / "etc" / "dirac.cfg").read_text() == "mine"


def test_the_program_that_fails_is_told_with_its_last_line(step, client):
    client.say(dirac_configure={"code": 1, "out": "no server answers\n"})
    outcome = step(ConfigureBasics).outcome
    assert outcome.status == "failed"
    assert "dirac-configure ended with 1: no server answers" in outcome.reason


def test_later_programs_find_the_file_by_a_variable(step, tmp_path):
    trial = step(ConfigureBasics)
    params = extension("pilot_dirac.params").params_of(trial.context)
    assert params.installEnv["DIRACSYSCONFIG"] == os.path.realpath(str(tmp_path / "pilot.cfg"))


@pytest.mark.parametrize("text", ["{}", '{"CEs": {}, "Setups": {}}'])
def test_without_servers_the_pilot_ends_with_a_sentence(pilot, client, tmp_path, text):
    (tmp_path / "p.json").write_text(text)
    ended = pilot("-E", "dirac", "--preinstalledEnv", str(client.env), "-F", str(tmp_path / "p.json"),
                  "-X", "InstallDIRAC,ConfigureBasics")
    assert ended.code == 30
    assert "has no ConfigurationServers, and no -C names one" in ended.out
    assert client.calls("dirac-configure") == []


def test_servers_that_are_nowhere_are_said_by_an_empty_list(pilot, client, tmp_path):
    (tmp_path / "p.json").write_text('{"ConfigurationServers": []}')
    ended = pilot("-E", "dirac", "--preinstalledEnv", str(client.env), "-F", str(tmp_path / "p.json"),
                  "-X", "InstallDIRAC,ConfigureBasics")
    assert ended.code == 0, ended.out

"""The PilotManager is told of a pilot, with a reference and a VO."""

import os


def test_a_registration_that_hangs_costs_its_time_and_not_the_pilot(flight, client):
    client.say(dirac_admin_add_pilot={"hangs": True})
    ended = flight("-X", "InstallDIRAC,RegisterPilot", "--program-timeout-s", "1")
    assert ended.code == 0
    assert "could not be registered" in ended.out
    assert not os.path.exists("/proc/%s" % (client.bin / "hanging").read_text())


def test_without_a_vo_the_pilot_is_not_registered_and_says_so(pilot, client):
    ended = pilot(
        "-E", "dirac", "--preinstalledEnv", client.env, "-X", "InstallDIRAC,RegisterPilot"
    )
    assert ended.code == 0
    assert ended.status("RegisterPilot") == "skipped"
    assert not client.calls("dirac-admin-add-pilot")


def test_a_pilot_that_nobody_knows_is_not_registered(pilot, client):
    words = (
        "-E",
        "dirac",
        "--preinstalledEnv",
        client.env,
        "--wnVO",
        "dteam",
        "-X",
        "InstallDIRAC,RegisterPilot",
    )
    ended = pilot(*words)
    assert ended.code == 0
    assert ended.status("RegisterPilot") == "skipped"
    assert not client.calls("dirac-admin-add-pilot")
    assert pilot("--pilotUUID", "abc", *words).code == 0
    assert client.calls("dirac-admin-add-pilot")[0][0] == "abc"


def test_a_stamp_fits_the_pilot_managers_table(flight, client):
    flight(
        "-X",
        "InstallDIRAC,RegisterPilot",
        env=dict(
            os.environ, DIRAC_PILOT_STAMP="4fa8a2b1189e4126b5ca4611b43e3d97", SLURM_JOB_ID="12"
        ),
    )
    reference, vo, flavour, stamp = client.calls("dirac-admin-add-pilot")[0][:4]
    assert (reference, vo, flavour, stamp) == (
        "sshslurm://ce.test/12",
        "dteam",
        "SSHSLURM",
        "4fa8a2b1189e4126b5ca4611b43e3d97",
    )
    flight(
        "-X", "InstallDIRAC,RegisterPilot", "--pilotUUID", "12345678-aaaa-bbbb-cccc-123456789012"
    )
    assert len(client.calls("dirac-admin-add-pilot")[1][3]) <= 32


def register(pilot, client, *words):
    given = ("-E", "dirac", "--preinstalledEnv", client.env, "--wnVO", "dteam", "--pilotUUID", "u1")
    return pilot(*(given + ("-X", "InstallDIRAC,RegisterPilot") + words))


def test_a_reference_that_is_given_is_registered(pilot, client):
    register(pilot, client, "--reference", "ssh://ce/7")
    assert client.calls("dirac-admin-add-pilot")[0][0] == "ssh://ce/7"


def test_a_pilot_is_registered_as_running(pilot, client):
    register(pilot, client)
    assert "--status=Running" in client.calls("dirac-admin-add-pilot")[0]


def test_a_refusal_is_told_and_costs_no_pilot(pilot, client):
    client.say(dirac_admin_add_pilot={"code": 1, "out": "no such VO\n"})
    ended = register(pilot, client)
    assert ended.code == 0
    assert "dirac-admin-add-pilot ended with 1: no such VO" in ended.out


def test_a_refusal_ends_the_pilot_that_must_be_registered(pilot, client):
    client.say(dirac_admin_add_pilot={"code": 1, "out": "no such VO\n"})
    ended = register(pilot, client, "--register-required")
    assert ended.code not in (0, 1)
    assert "the pilot could not be registered: " in ended.out

"""DIRAC's client made usable: found, sourced, its environment kept."""

import os
import subprocess


def test_an_environment_script_that_hangs_is_ended_too(flight, client, tmp_path):
    client.env.write_text("echo sourcing\necho $$ > %s/pid\nsleep 100\n" % tmp_path)
    ended = flight("-X", "InstallDIRAC", "-o", "cvmfsOnly", "--program-timeout-s", "1.5")
    assert ended.code == 20
    assert "without an end: sourcing" in ended.out
    assert not os.path.exists("/proc/%s" % (tmp_path / "pid").read_text().strip())


def test_a_client_that_does_not_start_is_told(flight, client):
    client.say(dirac_version={"code": 3, "out": "no libraries\n"})
    ended = flight("-X", "InstallDIRAC")
    assert ended.code == 0
    assert "dirac-version ended with 3: no libraries" in ended.err


def test_a_preinstalled_one_is_found_by_version_and_platform(install, client, tmp_path):
    place = tmp_path / "sw" / "v9" / ("Linux-" + os.uname().machine)
    place.mkdir(parents=True)
    (place / "diracosrc").write_text(client.env.read_text())
    assert install("-r", "v9", "--preinstalledEnvPrefix", tmp_path / "sw").code == 0
    assert install("--CVMFS_locations", tmp_path / "no", "-o", "cvmfsOnly").code == 20
    (tmp_path / "sw" / "dirac").mkdir()
    (tmp_path / "sw" / "v9").rename(tmp_path / "sw" / "dirac" / "pro")
    ended = install("--CVMFS_locations", tmp_path / "sw")
    assert ended.code == 0
    assert "/dirac/pro/Linux-" in ended.report["facts"]["Installation"]["source"]


def test_a_version_without_its_script_is_no_installation(install, tmp_path):
    (tmp_path / "sw" / "dirac" / "v9" / ("Linux-" + os.uname().machine)).mkdir(parents=True)
    ended = install("-r", "v9", "--CVMFS_locations", tmp_path / "sw", "-o", "cvmfsOnly")
    assert ended.code == 20
    assert "cvmfsOnly forbids to install here" in ended.out


def test_values_of_any_shape_come_through_and_nothing_is_echoed(install, client, tmp_path):
    client.env.write_text(
        client.env.read_text()
        + "export MANY=$'one\\ntwo'\nexport MY_SSH_THING='{x}'\n"
        + "export ODD='a$b`c\";:'\nexport SECRET_THING=tell-nobody\n"
    )
    ended = install("--preinstalledEnv", client.env)
    assert ended.code == 0
    assert "tell-nobody" not in ended.err + ended.out
    shell = subprocess.check_output(
        [
            "bash",
            "-c",
            '. ./environmentSourceDirac; printf \'%s|%s|%s\' "$MANY" "$MY_SSH_THING" "$ODD"',
        ],
        cwd=str(ended.workdir),
    ).decode()
    assert shell == 'one\ntwo|{x}|a$b`c";:'

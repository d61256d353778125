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
    assert "dirac-version ended with 3: no libraries" in ended.out


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
    assert "tell-nobody" not in ended.out + ended.err
    shell = subprocess.check_output(
        [
            "bash",
            "-c",
            '. ./environmentSourceDirac; printf \'%s|%s|%s\' "$MANY" "$MY_SSH_THING" "$ODD"',
        ],
        cwd=str(ended.workdir),
    ).decode()
    assert shell == 'one\ntwo|{x}|a$b`c";:'


def test_a_source_of_the_operator_comes_before_all(install, client, tmp_path):
    script = tmp_path / "mine.sh"
    script.write_text(client.env.read_text())
    ended = install("--install", "env:%s" % script, "--preinstalledEnv", client.env)
    assert ended.report["facts"]["Installation"]["source"] == "env:%s" % script


def test_every_source_that_failed_is_told_with_its_reason(install, tmp_path):
    (tmp_path / "bad.sh").write_text("echo no licence; return 3\n")
    ended = install("--preinstalledEnv", tmp_path / "bad.sh", "-o", "cvmfsOnly")
    assert ended.code == 20
    assert "no source worked: env:%s" % (tmp_path / "bad.sh") in ended.out


def test_the_script_finds_its_own_path(install, client, tmp_path):
    script = tmp_path / "where.sh"
    script.write_text(client.env.read_text() + 'export FOUND="$DIRAC_RC_PATH"\n')
    ended = install("--preinstalledEnv", script)
    assert "export FOUND=%s\n" % script in (ended.workdir / "bashrc").read_text()


def test_the_users_variables_are_in_the_environment(install, client):
    ended = install("--preinstalledEnv", client.env, "--userEnvVariables", "A:::1 2")
    assert "export A='1 2'\n" in (ended.workdir / "environmentSourceDirac").read_text()


def test_a_place_may_be_named_by_a_variable(install, client, tmp_path):
    environ = dict(os.environ, PLACE=str(client.folder))
    assert install("--preinstalledEnv", "$PLACE/diracosrc", env=environ).code == 0

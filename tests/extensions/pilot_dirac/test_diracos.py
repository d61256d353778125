"""DIRACOS and pip, where nothing is installed for all."""

import hashlib
import subprocess

import pytest

from tests.conftest import extension

diracos = extension("pilot_dirac.diracos")


def test_diracos_and_pip_where_nothing_is_installed(install, installer, client, tmp_path):
    digest = hashlib.sha256(installer.read_bytes()).hexdigest()
    ended = install(
        "-o",
        "diracInstallOnly",
        "--diracos-url",
        "%s#sha256:%s" % (installer, digest),
        "-l",
        "LHCb",
        "-r",
        "v10r1p2",
        "--modules",
        "https://h/Other.git:::Other:::dev",
        "--pipInstallOptions",
        "--no-cache -q",
        "--userEnvVariables",
        "A:::1 2,B:::x",
        "-d",
    )
    assert ended.code == 0, ended.out
    assert client.calls("pip") == [
        ["install", "--no-cache", "-q", "Other[pilot] @ git+https://h/Other.git@dev"]
    ]
    assert "threads 1" in ended.out
    assert int(ended.out.split("files ")[1].split()[0]) <= 1048575
    shell = subprocess.check_output(
        ["bash", "-c", '. ./bashrc; printf \'%s|%s|%s\' "$A" "$DIRAC" "$B"'], cwd=str(ended.workdir)
    ).decode()
    assert shell == "1 2|%s|x" % client.folder
    assert "export A='1 2'" in (ended.workdir / "diracos" / "diracosrc").read_text()
    ended = install(
        "-o", "diracInstallOnly", "--diracos-url", installer, "--userEnvVariables", "A:::3"
    )
    assert ended.code == 0
    assert "export A=3" in (ended.workdir / "bashrc").read_text()


def test_an_installer_that_is_not_the_right_one_is_not_run(install, installer, tmp_path):
    installer.write_text("touch %s/run\n" % tmp_path)
    ended = install(
        "-o", "diracInstallOnly", "--diracos-url", "%s#sha256:%s" % (installer, "0" * 64)
    )
    assert ended.code == 20
    assert "sha256" in ended.out
    assert not (tmp_path / "run").exists()


def test_a_second_run_finds_no_ruins(install, installer, tmp_path):
    (tmp_path / "work" / "diracos").mkdir(parents=True)
    (tmp_path / "work" / "diracos" / "half").write_text("")
    ended = install("-o", "diracInstallOnly", "--diracos-url", installer)
    assert ended.code == 0
    assert not (ended.workdir / "diracos" / "half").exists()


def test_what_pip_is_asked_for():
    assert diracos.pip_requirements("", "v9r1", (("https://h/DIRAC", "DIRAC", "x"),)) == [
        ["DIRAC[pilot] @ git+https://h/DIRAC@x"]
    ]
    assert diracos.pip_requirements("LHCb", "v10r1p2", ()) == [["LHCbDIRAC[pilot]==10.1.2"]]
    assert diracos.pip_requirements("", "integration", ()) == [["DIRAC[pilot]"]]


@pytest.mark.parametrize(
    "project, version, modules, words",
    [
        ("", "", (), [["DIRAC[pilot]"]]),
        ("", "v9r1p2-pre3", (), [["DIRAC[pilot]==9.1.2a3"]]),
        ("", "v9r1", (("https://h/A", "A", ""),), [["A[pilot] @ git+https://h/A"]]),
        (
            "",
            "",
            (("https://h/A", "A", ""), ("https://h/B", "B", "dev")),
            [["A[pilot] @ git+https://h/A"], ["B[pilot] @ git+https://h/B@dev"]],
        ),
        ("", "", (("/src/DIRAC", "DIRAC", ""),), [["/src/DIRAC[pilot]"]]),
        ("", "", (("./DIRAC-9.1-py3-none-any.whl", "DIRAC", ""),), [["./DIRAC-9.1-py3-none-any.whl[pilot]"]]),
        ("", "", (("/src/DIRAC", "DIRAC", "dev"),), [["DIRAC[pilot] @ git+file:///src/DIRAC@dev"]]),
        (
            "",
            "",
            (("https://h/DIRAC-9.1.22.tar.gz", "DIRAC", ""),),
            [["DIRAC[pilot] @ https://h/DIRAC-9.1.22.tar.gz"]],
        ),
        ("", "", (("git+https://h/A.git", "A", ""),), [["A[pilot] @ git+https://h/A.git"]]),
        ("", "v9.1.22", (), [["DIRAC[pilot]==9.1.22"]]),
        ("", "9r1p22", (), [["DIRAC[pilot]==9.1.22"]]),
        ("", "DIRAC[pilot]==8.0.5", (), [["DIRAC[pilot]==8.0.5"]]),
    ],
)
def test_modules_come_instead_of_a_release(project, version, modules, words):
    assert diracos.pip_requirements(project, version, modules) == words


def test_an_installer_that_fails_is_told_with_its_last_line(install, installer):
    installer.write_text("echo no room left; exit 3\n")
    ended = install("-o", "diracInstallOnly", "--diracos-url", installer)
    assert ended.code == 20
    assert "no room left" in ended.out


def test_an_installer_that_is_not_there_is_named(install, tmp_path):
    ended = install("-o", "diracInstallOnly", "--diracos-url", tmp_path / "none.sh")
    assert ended.code == 20
    assert str(tmp_path / "none.sh") in ended.out

"""Where certificates and VOMS' files are found: the site's first, and what hangs is left."""

import os

import pytest

from pilot.base import process
from tests.conftest import extension

module = extension("pilot_dirac.certificates")


def certificates_of(tmp_path, monkeypatch, look=None, **environ):
    asked = []

    def looked(argv):
        asked.append(argv[-1])
        return (look or real)(argv)

    real = module.look_by_child
    monkeypatch.setattr(module, "look_by_child", looked)

    class Log:
        warn = staticmethod(lambda text, *more: asked.append(text % more))

    class PP:
        installEnv, CVMFS_locations = environ, [
            "/cvmfs/a.example.org",
            "/cvmfs/a.example.org/b",
            str(tmp_path / "c"),
        ]

    return module.find_environment(PP, Log), asked


def test_certificates_are_the_sites_first_and_missing_ones_are_no_error(tmp_path, monkeypatch):
    for name in ("mine", "c/etc/grid-security/certificates", "c/etc/grid-security/vomses", "empty"):
        (tmp_path / name).mkdir(parents=True)
        if name != "empty":
            (tmp_path / name / "x").write_text("")
    found, asked = certificates_of(
        tmp_path,
        monkeypatch,
        X509_CERT_DIR=str(tmp_path / "mine"),
        X509_VOMSES=str(tmp_path / "empty"),
    )
    assert found["X509_CERT_DIR"] == str(tmp_path / "mine")
    assert (
        found["X509_VOMSES"]
        == found["DIRAC_VOMSES"]
        == str(tmp_path / "c/etc/grid-security/vomses")
    )
    machine = os.path.isdir("/etc/grid-security/vomsdir") and bool(
        os.listdir("/etc/grid-security/vomsdir")
    )
    assert (
        ("X509_VOMS_DIR" in found)
        == machine
        != any("X509_VOMS_DIR: nothing in" in text for text in asked)
    )


def test_a_repository_that_hangs_is_asked_once(tmp_path, monkeypatch):
    found, asked = certificates_of(
        tmp_path,
        monkeypatch,
        look=lambda argv: process.run(["sleep", "60"], timeout_s=0.1, ok=None),
    )
    assert all(path.startswith("/etc/grid-security/") for path in found.values())
    assert len([text for text in asked if text.startswith("/cvmfs/") and " " not in text]) == 1
    assert any("/cvmfs/a.example.org did not answer" in text for text in asked)


def test_the_sites_file_of_vomses_counts_like_a_folder(tmp_path, monkeypatch):
    (tmp_path / "vomses").write_text("x")
    path = str(tmp_path / "vomses")
    assert certificates_of(tmp_path, monkeypatch, X509_VOMSES=path)[0]["X509_VOMSES"] == path


def test_a_place_that_is_not_there_is_told_with_all_that_was_tried(tmp_path, monkeypatch):
    if os.path.isdir("/etc/grid-security/vomsdir"):
        pytest.skip("this machine has a vomsdir")
    asked = certificates_of(tmp_path, monkeypatch, X509_VOMS_DIR="/no/such")[1]
    told = next(text for text in asked if text.startswith("X509_VOMS_DIR: nothing in /no/such, "))
    assert told.endswith("/etc/grid-security/vomsdir")


def test_a_look_has_the_exit_code_of_its_program():
    assert module.look_by_child(["sh", "-c", "exit 3"]).exit_code == 3

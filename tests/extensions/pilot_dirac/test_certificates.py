"""Where certificates and VOMS' files are found: the site's first, and what hangs is left."""

import os

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

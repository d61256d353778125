"""The pilot where sites fetch it."""

import hashlib
import json
import os
import subprocess
import sys
import tarfile

import pytest

from tests.conftest import ROOT, extension
from tests.extensions.pilot_dirac.dirac_client import A_MODULE
from tests.extensions.pilot_dirac.wrapping import fly

publish = extension("pilot_dirac.publish")
wrapper = extension("pilot_dirac.wrapper")


def test_a_manifest_goes_on_naming_what_it_named(published):
    old = json.loads((published / "manifest.json").read_text())["files"]
    publish.publish_files(str(published), {"pilot.json": b"{}", "pilot.tar": b"new"})
    assert all((published / "files" / digest).exists() for digest in old.values())
    assert wrapper.by_manifest(str(published)) == {"pilot.json": b"{}", "pilot.tar": b"new"}


def test_what_is_published_is_a_pilot(tmp_path):
    (tmp_path / "VoCommands.py").write_text(
        A_MODULE % ("Hi", "self.log.info('hi from the community')")
    )
    (tmp_path / "pilot.json").write_text(
        json.dumps(
            {
                "ConfigurationServers": [],
                "Defaults": {
                    "Pilot": {"CommandExtensions": "Vo", "Commands": "CheckWorkerNode, Hi"}
                },
            }
        )
    )
    subprocess.check_call(
        [
            sys.executable,
            "-m",
            "pilot_dirac.publish",
            "-o",
            str(tmp_path / "www"),
            "--pilot-json",
            str(tmp_path / "pilot.json"),
            "--module",
            str(tmp_path / "VoCommands.py"),
        ],
        env=dict(os.environ, PYTHONPATH="%s:%s" % (ROOT, ROOT / "extensions")),
        stdout=subprocess.DEVNULL,
    )
    code, out, err = fly(tmp_path, "--locations", tmp_path / "www", "--", "-N", "ce", "-D", "1")
    assert code == 0
    assert "hi from the community" in out
    assert "Exit code 0" in out


@pytest.mark.parametrize(
    "words, told",
    [
        (("--pilot-json", "{file}"), "not JSON"),
        (("--module", "{file}"), "is no Python"),
        (("--module", "/nowhere/x.py"), "cannot be read"),
        (("-o", "/dev/null/x"), "cannot be made"),
    ],
)
def test_what_would_break_every_pilot_is_not_published(tmp_path, capsys, words, told):
    (tmp_path / "broken").write_text("{def:")
    assert (
        publish.main(
            ["-o", str(tmp_path / "out")]
            + [word.format(file=tmp_path / "broken") for word in words]
        )
        == 2
    )
    assert told in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_tar_is_the_same_in_whatever_order_it_is_made():
    assert publish.pack_tar({"a": b"1", "b": b"2"}) == publish.pack_tar({"b": b"2", "a": b"1"})


def test_a_tars_files_come_out_as_they_went_in(tmp_path):
    (tmp_path / "x.tar").write_bytes(publish.pack_tar({"a": b"1", "b": b"2"}))
    with tarfile.open(str(tmp_path / "x.tar")) as archive:
        assert {one.name: archive.extractfile(one).read() for one in archive} == {
            "a": b"1",
            "b": b"2",
        }


def test_the_checksums_are_those_of_the_files(published):
    lines = (published / "checksums.sha512").read_text().splitlines()
    sums = {name: digest for digest, name in (line.split("  ") for line in lines)}
    assert sums == {
        name: hashlib.sha512((published / name).read_bytes()).hexdigest()
        for name in ("pilot.json", "pilot.tar")
    }


def test_the_web_server_may_read_what_is_published(published):
    assert (published / "manifest.json").stat().st_mode & 0o777 == 0o644


def test_without_a_folder_the_use_is_told(capsys):
    assert publish.main(["--module", "x"]) == 2
    assert "-o" in capsys.readouterr().err

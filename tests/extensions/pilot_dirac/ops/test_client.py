"""The recording client."""

import os
import subprocess

from tests.conftest import extension

client_module = extension("pilot_dirac.ops.client")


def test_a_call_is_recorded_and_answered(tmp_path):
    client = client_module.Client(str(tmp_path / "client"))
    answer = subprocess.check_output(
        ["bash", "-c", '. "$0"; exec dirac-version a "b c"', client.env], cwd=str(tmp_path)
    )
    assert answer == b"9.1.22\n"
    (call,) = client.list_calls()
    assert (call.program, call.words, call.folder) == ("dirac-version", ["a", "b c"], str(tmp_path))
    assert call.environ["DIRAC"] == client.folder


def test_a_real_client_runs_after_the_record(tmp_path):
    real = tmp_path / "real"
    real.mkdir()
    (real / "dirac-version").write_text("#!/bin/sh\necho real $1\n")
    (real / "dirac-version").chmod(0o755)
    (tmp_path / "rc").write_text("export PATH=%s:$PATH\n" % real)
    client = client_module.Client(str(tmp_path / "client"), str(tmp_path / "rc"))
    assert subprocess.check_output([os.path.join(client.bin, "dirac-version"), "x"]) == b"real x\n"
    assert len(client.list_calls()) == 1


def test_a_shared_folder_has_releases_and_certificates(tmp_path):
    place = client_module.Client(str(tmp_path / "client")).make_shared()
    assert os.listdir(os.path.join(place, "etc", "grid-security", "certificates")) == ["file"]
    assert sorted(os.listdir(os.path.join(place, "dirac"))) == ["9.1.22", "pro"]

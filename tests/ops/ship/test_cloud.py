import base64
import gzip
import hashlib
import subprocess

import pytest

from pilot.ops.ship import cloud
from pilot.ops.ship.__main__ import main

URL = ("--url", "https://example.org/pilot.pyz", "--url", "http://mirror/p%20q.pyz")


def ship(folder, *words):
    return main(["cloud-init", "-o", str(folder)] + list(words))


@pytest.mark.parametrize("resume", [(), ("--resume",)])
@pytest.mark.parametrize("stay", [(), ("--stay",)])
def test_stage_0_is_small_names_the_file_and_is_good_shell(tmp_path, resume, stay):
    assert (
        ship(
            tmp_path,
            *(
                URL
                + resume
                + stay
                + ("--cloud", "ec2", "--", "-X", "CheckWorkerNode", "--site", "it's $HOME")
            ),
        )
        == 0
    )
    data = (tmp_path / "user-data").read_bytes()
    assert len(data) < 4096 and data.startswith(b"#!/bin/sh\n")
    assert hashlib.sha256((tmp_path / "pilot.pyz").read_bytes()).hexdigest().encode() in data
    assert b"http://mirror/p%20q.pyz" in data
    assert (b"poweroff" in data) is (not stay)
    assert (b"per-boot" in data) is bool(resume)
    assert subprocess.call(["sh", "-n", str(tmp_path / "user-data")]) == 0


@pytest.mark.parametrize("name", ["ec2", "openstack", "azure", "cloudstack"])
def test_a_cloud_that_does_not_take_so_much_is_named_with_the_reason(tmp_path, capsys, name):
    assert ship(tmp_path, "--cloud", name) == 2
    told = capsys.readouterr().err
    assert "the user-data has " in told
    assert cloud.CLOUDS[name].why in told
    assert "--url" in told
    assert not list(tmp_path.iterdir())


def test_without_a_limit_the_whole_pilot_is_the_user_data(tmp_path):
    assert ship(tmp_path, "--", "-X", "CheckWorkerNode") == 0
    text = (tmp_path / "user-data").read_text()
    assert text.startswith("#!/bin/sh\n")
    assert "setpriv" in text
    assert "poweroff" in text
    assert "base64 -d" in text
    assert subprocess.call(["sh", "-n", str(tmp_path / "user-data")]) == 0


def test_a_workdir_that_is_named_and_odd_letters_stay(tmp_path):
    assert ship(tmp_path, *(URL + ("--", "--workdir", "/scratch/me", "--site", "Z\u00fcrich"))) == 0
    text = (tmp_path / "user-data").read_text(encoding="utf-8")
    assert "/scratch/me" in text
    assert "--workdir /var/lib/pilot/work" not in text
    assert "Z\u00fcrich" in text


def test_every_form_holds_the_same_script(tmp_path):
    made = {}
    for form in cloud.FORMATS:
        assert ship(tmp_path / form, *(URL + ("--format", form))) == 0
        made[form] = (tmp_path / form / "user-data").read_bytes()
    assert gzip.decompress(made["gzip"]) == made["script"] and made["script"] in made["mime"]
    assert made["mime"].startswith(b"MIME-Version: 1.0\n")
    assert (
        ship(tmp_path / "again", *(URL + ("--format", "gzip"))) == 0
        and (tmp_path / "again" / "user-data").read_bytes() == made["gzip"]
    )


def test_a_vac_template_has_the_managers_words_and_needs_a_url(tmp_path, capsys):
    assert main(["vac", "-o", str(tmp_path), "--url", "https://example.org/pilot.pyz"]) == 0
    text = (tmp_path / "user_data").read_text()
    assert all(
        "##user_data_%s##" % key in text
        for key in (
            "uuid",
            "machinefeatures_url",
            "jobfeatures_url",
            "joboutputs_url",
            "space",
            "manager_hostname",
        )
    )
    assert len(text) < 4096 and subprocess.call(["sh", "-n", str(tmp_path / "user_data")]) == 0
    assert main(["vac", "-o", str(tmp_path / "x")]) == 2 and "give --url" in capsys.readouterr().err


LIMITS = {
    "ec2": 16384,
    "openstack": 49149,
    "azure": 65535,
    "cloudstack": 32768,
    "cloudstack-get": 3072,
    "nebius": 32768,
    "kubevirt": 2048,
    "vsphere": 524288,
    "gce": 262144,
    "nocloud": None,
}


def test_the_limits_are_the_clouds():
    assert {name: one.limit for name, one in cloud.CLOUDS.items()} == LIMITS
    assert (
        len(base64.b64encode(b"x" * 49149)) <= 65535 < len(base64.b64encode(b"x" * 49152))
        and len(base64.b64encode(b"x" * 3072)) <= 4096
    )


@pytest.mark.parametrize("name", sorted(name for name, limit in LIMITS.items() if limit))
def test_a_limit_holds_to_the_byte(tmp_path, monkeypatch, name):
    for size, code in ((LIMITS[name], 0), (LIMITS[name] + 1, 2)):
        monkeypatch.setattr(cloud, "form_script", lambda script, form: b"x" * size)
        assert ship(tmp_path / str(size), *(URL + ("--cloud", name))) == code


@pytest.mark.parametrize("name", sorted(LIMITS))
def test_every_cloud_takes_a_stage_0(tmp_path, name):
    assert (
        ship(
            tmp_path,
            *(
                URL
                + (
                    "--cloud",
                    name,
                    "--format",
                    "gzip",
                    "--",
                    "-X",
                    "CheckWorkerNode,LaunchAgent",
                    "--pool",
                    "https://pool.example.org:8443",
                )
            ),
        )
        == 0
    )


def test_a_token_in_user_data_is_warned_of(tmp_path, capsys):
    assert ship(tmp_path, *(URL + ("--", "--pool-token", "abcdefgh"))) == 0
    assert "Every process of such a machine can read its user-data" in capsys.readouterr().out

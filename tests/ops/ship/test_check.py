"""What is asked of pilot.ship, looked at before anything is written."""

import json

import pytest

from pilot.ops.ship import check
from pilot.ops.ship.__main__ import main
from tests.conftest import ROOT


@pytest.mark.parametrize(
    "words",
    [
        ("--pool-token", "hunter22"),
        ("--pool-token=hunter22",),
        ("--pilotSecret", "hunter22"),
        ("--execute", "agent --token hunter22"),
        ("--pool", "https://h/?access_token=hunter22"),
        ("--pool", "picas+https://u:hunter22@h/db"),
        ("--events", "stomp+ssl://u:hunter22@b/queue/x"),
    ],
)
def test_a_parcel_with_a_secret_is_for_its_owner_alone(ship, words):
    extension = (
        ["--extension", str(ROOT / "extensions" / "pilot_dirac")]
        if "--pilotSecret" in words
        else []
    )
    folder, said = ship(
        "slurm",
        *extension,
        "--",
        "-X",
        "CheckWorkerNode",
        *(["-E", "dirac"] if extension else []),
        *words,
    )
    assert (folder / "pilot-job.py").stat().st_mode & 0o077 == 0
    assert "contain a token or a password" in said


@pytest.mark.parametrize(
    "words", [("--pool-token-file", "/x"), ("--pool", "https://h:443/a@b"), ("--site", "token")]
)
def test_what_is_no_secret_makes_none(ship, words):
    folder, said = ship("gridengine", "--", "-X", "CheckWorkerNode", *words)
    assert (folder / "pilot-job.py").stat().st_mode & 0o055
    assert "for you alone" not in said


@pytest.mark.parametrize(
    "profile, secret",
    [
        ({"pool_token": "hunter22"}, True),
        ({"events": "stomp://u:hunter22@b/queue/x"}, True),
        ({"site": "S"}, False),
        ({"pool": "https://h", "site": "a:b@c"}, False),
    ],
)
def test_a_secret_that_is_built_in_is_one(ship, tmp_path, profile, secret):
    (tmp_path / "site.json").write_text(json.dumps({"Defaults": profile}))
    folder, said = ship(
        "cloud-init", "--url", "http://x/p", "--config", str(tmp_path / "site.json")
    )
    assert (
        ((folder / "user-data").stat().st_mode & 0o077 == 0)
        == ("Every process of such a machine" in said)
        == secret
    )


@pytest.mark.parametrize(
    "words, told",
    [
        (("arc", "--count", "3"), "arc has no --count"),
        (("htcondor", "--queue", "q"), "htcondor has no --queue"),
        (("cloud-init", "--cores", "2"), "cloud-init has no --cores"),
        (("vac", "--url", "http://x", "--format", "gzip"), "vac has no --format"),
        (("vac", "--url", "http://x", "--cloud", "kubevirt"), "vac has no --cloud"),
        (("slurm", "--image", "x", "--stay"), "slurm has no --image"),
        (("systemd", "--count", "2"), "systemd has no --count"),
        (("cloud-init", "--url", ""), "--url: an empty one"),
        (("slurm", "--walltime", "60"), "would be warned at its start"),
        (
            ("cloud-init", "--cloud", "kubevirt", "--url", "http://x"),
            "--format gzip makes it smaller",
        ),
    ],
)
def test_what_would_do_nothing_is_refused(tmp_path, capsys, words, told):
    assert main(list(words) + ["-o", str(tmp_path / "o")]) == 2
    assert told in capsys.readouterr().err
    assert not (tmp_path / "o").exists()


@pytest.mark.parametrize("name", ["long", "a.b/c:d-1", "x{y}"])
def test_a_plain_name_is_none_too_odd(name):
    assert check.odd_texts([name], []) == []


@pytest.mark.parametrize("name", ["two words", "q'", 'q"', "a\\b", "`x`", "$x", "a\tb", "\u00fc"])
def test_a_name_that_some_syntax_would_read_otherwise_is_told(name):
    sentence = "%r: a name consists of ASCII characters without blanks and quotes" % name
    assert check.odd_texts([name], []) == [sentence]


def test_a_word_for_the_pilot_may_hold_all_but_control_characters():
    told = check.odd_texts([], ["it's \u00fc $x", "two\nlines"])
    assert [one.split(": ")[0] for one in told] == [repr("two\nlines")]


@pytest.mark.parametrize(
    "words, secret",
    [
        (("--pool-token", "x"), True),
        (("--myPassword=x",), True),
        (("--execute", "agent --token x"), True),
        (("--events", "stomp://u:p@h/q"), True),
        (("--pool-token-file", "/x"), False),
        (("--site", "token"), False),
    ],
)
def test_a_secret_among_the_words_is_seen(words, secret):
    assert check.has_secret(words) is secret


@pytest.mark.parametrize(
    "defaults, secret",
    [
        ({"Defaults": {"pool_token": "x"}}, True),
        ({"Defaults": {"pool_token": ""}}, False),
        ({"Sites": [{"password": "x"}]}, True),
        ({"Defaults": {"pool": ["https://u:p@h/"]}}, True),
        ({"Defaults": {"site": "S"}}, False),
    ],
)
def test_a_secret_that_is_built_in_is_seen_however_deep(defaults, secret):
    assert check.has_secret((), json.dumps(defaults).encode()) is secret

"""A source of software as an operator writes it."""

import pytest

from pilot.install.source import KINDS, Source, source


@pytest.mark.parametrize(
    "text, found",
    [
        ("env:/a/setup.sh x", Source("env", "/a/setup.sh x")),
        (
            "archive:http://h/a.tgz#sha256:" + "a" * 64,
            Source("archive", "http://h/a.tgz", "sha256:" + "a" * 64),
        ),
        (
            "installer:http://h/i.sh#%s --fast" % ("b" * 128),
            Source("installer", "http://h/i.sh --fast", "b" * 128),
        ),
        ("none", Source("none", "")),
    ],
)
def test_sources_are_read(text, found):
    assert source(text) == found


@pytest.mark.parametrize(
    "text, words",
    [
        ("evn:/x", r"'evn:/x' is no source of software \(did you mean env\?\); the kinds are "),
        ("", "'' is no source of software"),
        ("/cvmfs/x/setup.sh", "is no source of software"),
        ("none:x", "none takes nothing more"),
        ("pip:", "after pip: comes what to install"),
        ("git: ", "after git: comes what to install"),
        ("archive:x#md5:1", "'md5:1' is not a checksum like sha256:HEX"),
        ("installer:x# --fast", "'' is not a checksum"),
    ],
)
def test_what_is_no_source_is_told(text, words):
    with pytest.raises(ValueError, match=words):
        source(text)


@pytest.mark.parametrize(
    "text",
    [
        "env:/a/setup.sh x",
        "archive:http://h/a.tgz#sha256:" + "a" * 64,
        "pip:dirac==8",
        "git:https://h/a.git@v1",
        "none",
    ],
)
def test_a_source_is_told_as_it_was_written(text):
    assert source(text).text() == text


def test_blanks_around_a_source_do_no_harm():
    assert source(" env:/a ") == Source("env", "/a")


@pytest.mark.parametrize("kind", sorted(set(KINDS) - {"archive", "installer", "none"}))
def test_a_sign_for_a_checksum_is_a_letter_where_nothing_is_fetched(kind):
    assert source(kind + ":a#b") == Source(kind, "a#b")

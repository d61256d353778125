"""Checksums of files."""

import hashlib

import pytest

from pilot.base import checksum

GOOD = hashlib.sha256(b"content").hexdigest()


@pytest.mark.parametrize(
    "text, algorithm",
    [
        (GOOD, "sha256"),
        ("sha256:" + GOOD.upper(), "sha256"),
        ("sha512:" + "a" * 128, "sha512"),
        ("b" * 128, "sha512"),
    ],
)
def test_checksums_are_read_in_every_spelling(text, algorithm):
    assert checksum.parse_checksum(text).algorithm == algorithm


@pytest.mark.parametrize("text", ["abc", "md5:" + "a" * 32, "sha256:" + "g" * 64, "sha512:" + GOOD])
def test_what_is_no_checksum_is_refused(text):
    with pytest.raises(ValueError, match="is not a checksum"):
        checksum.parse_checksum(text)


def test_no_checksum_is_none():
    assert checksum.parse_checksum("") is None


def test_a_file_has_a_digest(tmp_path):
    (tmp_path / "f").write_bytes(b"content")
    assert checksum.file_digest(str(tmp_path / "f")) == GOOD
    assert len(checksum.file_digest(str(tmp_path / "f"), "sha512")) == 128


def test_a_file_that_is_restarted_has_the_digest_of_its_new_content(tmp_path):
    with open(str(tmp_path / "f"), "wb") as stream:
        written = checksum.DigestedFile(stream)
        written.write(b"half of another")
        written.restart_file()
        written.write(b"con")
        written.write(b"tent")
    assert written.digests()["sha256"] == GOOD
    assert (tmp_path / "f").read_bytes() == b"content"

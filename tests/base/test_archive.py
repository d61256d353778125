"""Archives of strangers: nothing lands, or changes, outside the folder."""

import io
import os
import stat
import tarfile
import zipfile

import pytest

from pilot.base import archive
from tests.install.software import link, tarball


def tar(path, *members):
    """Members are (name, kind, more): "d" and "f" with a mode, "l" with a target."""
    with tarfile.open(str(path), "w") as made:
        for name, kind, more in members:
            info = tarfile.TarInfo(name)
            if kind == "l":
                info.type, info.linkname = tarfile.SYMTYPE, more
            else:
                info.type, info.mode = (
                    (tarfile.DIRTYPE, more) if kind == "d" else (tarfile.REGTYPE, more)
                )
            made.addfile(info, io.BytesIO(b""))
    return str(path)


def test_a_link_that_later_leads_out_changes_no_folder_outside(tmp_path):
    outside = tmp_path / "private"
    outside.mkdir(mode=0o700)
    path = tar(
        tmp_path / "x.tar", ("a", "l", "b/b/b/../../../private"), ("b", "l", "."), ("a", "d", 0o777)
    )
    with pytest.raises(archive.BadArchive):
        archive.unpack(path, str(tmp_path / "out"))
    assert stat.S_IMODE(os.stat(str(outside)).st_mode) == 0o700
    assert not any(
        os.path.islink(str(one))
        and not os.path.realpath(str(one)).startswith(str(tmp_path / "out"))
        for one in (tmp_path / "out").iterdir()
    )


def test_links_within_stay(tmp_path):
    path = tar(
        tmp_path / "x.tar",
        ("d", "d", 0o755),
        ("d/f", "f", 0o644),
        ("d/g", "l", "f"),
        ("up", "l", "d/../d/f"),
    )
    archive.unpack(path, str(tmp_path / "out"))
    assert os.path.realpath(str(tmp_path / "out" / "up")) == str(tmp_path / "out" / "d" / "f")


def test_a_link_with_an_endless_target_is_not_read(tmp_path):
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(str(path), "w", zipfile.ZIP_DEFLATED) as made:
        info = zipfile.ZipInfo("link")
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        made.writestr(info, b"a" * (50 << 20), zipfile.ZIP_DEFLATED)
    with pytest.raises(archive.BadArchive, match="target of"):
        archive.unpack(str(path), str(tmp_path / "out"))


def test_links_inside_an_archive_work(tmp_path):
    tarball(
        tmp_path / "s.tgz",
        [
            ("lib/real", b"x"),
            ("lib/soft", link("lib/soft", "real")),
            ("lib/hard", link("lib/hard", "lib/real", tarfile.LNKTYPE)),
            ("bin/up", link("bin/up", "../lib/real")),
        ],
    )
    archive.unpack(str(tmp_path / "s.tgz"), str(tmp_path / "out"))
    assert all(
        (tmp_path / "out" / name).read_text() == "x" for name in ("lib/soft", "lib/hard", "bin/up")
    )


@pytest.mark.parametrize("content", [b"", b"no archive at all", b"\x1f\x8b damaged"])
def test_what_is_no_archive_is_refused(tmp_path, content):
    (tmp_path / "s.tgz").write_bytes(content)
    with pytest.raises(archive.BadArchive):
        archive.unpack(str(tmp_path / "s.tgz"), str(tmp_path / "out"))

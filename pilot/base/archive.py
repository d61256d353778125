"""Unpacks tar and zip files from untrusted sources; writes only inside the target folder."""

import os
import shutil
import stat
import tarfile
import zipfile
from typing import IO

from pilot.errors import StepFailed

MAX_FILES = 1000000
MAX_BYTES = 64 << 30
MAX_LINK = 4096  # bytes: no kernel accepts a longer target


class BadArchive(StepFailed):
    """The file is not an archive, is damaged, or has members outside its folder."""


def unpack(path: str, folder: str) -> None:
    """Unpack a tar (any compression) or zip file. Raises BadArchive; files written before the error
    stay.

    Links are checked when they are created and once more at the end, because a later member can
    replace a folder on their path by a link.
    """
    os.makedirs(folder, exist_ok=True)
    try:
        if zipfile.is_zipfile(path):
            _unzip(path, folder)
        elif tarfile.is_tarfile(path):
            _untar(path, folder)
        else:
            raise BadArchive("%s: neither a tar nor a zip file" % path)
    except (
        tarfile.TarError,
        zipfile.BadZipFile,
        EOFError,
        OSError,
        RuntimeError,
        ValueError,
    ) as error:
        raise BadArchive("%s: cannot be unpacked: %s" % (path, error))
    finally:
        led_out = _remove_links_out(folder)
    if led_out:
        raise BadArchive("%s: the link %r leads out of its folder" % (path, led_out))


def _inside(name: str, folder: str) -> str:
    """The path of a member; its parent folders, links resolved, must lie in the folder."""
    target = os.path.normpath(os.path.join(folder, name))
    home = os.path.realpath(folder)
    parent = os.path.realpath(os.path.dirname(target))
    if target == os.path.normpath(folder):  # many archives begin with "./"
        return target
    if name.startswith("/") or (parent != home and not parent.startswith(home + os.sep)):
        raise BadArchive("the member %r would land outside its folder" % name)
    return target


def _check(count: int, size: int) -> None:
    if count > MAX_FILES or size > MAX_BYTES:
        raise BadArchive("it holds more than %d files or %d bytes" % (MAX_FILES, MAX_BYTES))


def _untar(path: str, folder: str) -> None:
    size = 0
    folders = []
    with tarfile.open(path) as archive:
        for count, member in enumerate(archive, 1):
            size += member.size
            _check(count, size)
            target = _inside(member.name, folder)
            if member.isdir():
                os.makedirs(target, exist_ok=True)
                folders.append(member)
            elif member.isfile():
                _write(archive, member, target)
            elif member.issym() and len(member.linkname) <= MAX_LINK:
                _link_inside(member.name, member.linkname, folder)
                _fresh(target)
                os.symlink(member.linkname, target)
            elif member.islnk():
                source = _inside(member.linkname, folder)
                if os.path.islink(source) or not os.path.isfile(source):
                    raise BadArchive("the link %r points to no file of the archive" % member.name)
                _fresh(target)
                os.link(source, target)
            else:
                raise BadArchive("the member %r is a device or a pipe" % member.name)
    for member in folders:
        _change_mode(_inside(member.name, folder), (member.mode & 0o777) | 0o700)


def _change_mode(path: str, mode: int) -> None:
    """Set the mode of the file or folder itself, never of a link's target."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        raise BadArchive("the member %r became a link" % path)
    try:
        os.fchmod(descriptor, mode)
    finally:
        os.close(descriptor)


def _remove_links_out(folder: str) -> str:
    """Remove every link whose target is outside the folder; return the last of them, or ""."""
    home, link = os.path.realpath(folder), ""
    for place, below, files in os.walk(home):
        for path in [os.path.join(place, name) for name in below + files]:
            real = os.path.realpath(path)
            if os.path.islink(path) and real != home and not real.startswith(home + os.sep):
                os.unlink(path)
                link = os.path.relpath(path, home)
    return link


def _link_inside(name: str, link: str, folder: str) -> None:
    if link.startswith("/") or len(link) > MAX_LINK:
        raise BadArchive("the link %r points to %s, outside its folder" % (name, link))
    _inside(os.path.join(os.path.dirname(name), link, "x"), folder)


def _fresh(target: str) -> None:
    os.makedirs(os.path.dirname(target), exist_ok=True)
    if os.path.lexists(target):
        os.unlink(target)


def _write(archive: tarfile.TarFile, member: tarfile.TarInfo, target: str) -> None:
    source = archive.extractfile(member)
    if source is None:
        raise BadArchive("the member %r has no content" % member.name)
    with source:
        _write_file(source, target, member.mode & 0o777)


def _write_file(source: IO[bytes], target: str, mode: int) -> None:
    _fresh(target)
    with open(target, "wb") as stream:
        shutil.copyfileobj(source, stream, 1 << 20)
    os.chmod(target, mode)


def _unzip(path: str, folder: str) -> None:
    size = 0
    with zipfile.ZipFile(path) as archive:
        for count, member in enumerate(archive.infolist(), 1):
            size += member.file_size
            _check(count, size)
            mode, target = member.external_attr >> 16, _inside(member.filename, folder)
            if member.filename.endswith("/"):
                os.makedirs(target, exist_ok=True)
                continue
            if stat.S_ISLNK(mode):
                if member.file_size > MAX_LINK:
                    raise BadArchive(
                        "the link %r has a target of %d bytes" % (member.filename, member.file_size)
                    )
                link = archive.read(member).decode("utf-8", "replace")
                _link_inside(member.filename, link, folder)
                _fresh(target)
                os.symlink(link, target)
                continue
            with archive.open(member) as source:
                _write_file(source, target, (mode & 0o777) or 0o644)

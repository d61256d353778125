"""Unpacks tar and zip files that we do not trust: nothing lands outside the folder."""

import os
import stat
import tarfile
import zipfile
from pilot.errors import StepFailed

MAX_FILES = 1000000
MAX_BYTES = 64 << 30


class BadArchive(StepFailed):
    """It is no archive, is damaged, or tries to write outside its folder."""


def unpack(path: str, folder: str) -> None:
    """Unpack a tar (any compression) or zip file. Raises BadArchive; what was written by then stays."""
    os.makedirs(folder, exist_ok=True)
    try:
        if zipfile.is_zipfile(path):
            _unzip(path, folder)
        elif tarfile.is_tarfile(path):
            _untar(path, folder)
        else:
            raise BadArchive("%s: neither a tar nor a zip file" % path)
    except (tarfile.TarError, zipfile.BadZipFile, EOFError, OSError, RuntimeError, ValueError) as error:
        raise BadArchive("%s: cannot be unpacked: %s" % (path, error))


def _inside(name: str, folder: str) -> str:
    """Where a member goes; its parent folders, links followed, must lie in the folder."""
    target = os.path.normpath(os.path.join(folder, name))
    home = os.path.realpath(folder)
    parent = os.path.realpath(os.path.dirname(target))
    if target == os.path.normpath(folder):  # "./", with which many archives begin
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
            elif member.issym():
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
        os.chmod(_inside(member.name, folder), (member.mode & 0o777) | 0o700)


def _link_inside(name: str, link: str, folder: str) -> None:
    if link.startswith("/"):
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
    _fresh(target)
    with source, open(target, "wb") as stream:
        for block in iter(lambda: source.read(1 << 20), b""):
            stream.write(block)
    os.chmod(target, member.mode & 0o777)


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
                link = archive.read(member).decode("utf-8", "replace")
                _link_inside(member.filename, link, folder)
                _fresh(target)
                os.symlink(link, target)
                continue
            _fresh(target)
            with archive.open(member) as source, open(target, "wb") as stream:
                for block in iter(lambda: source.read(1 << 20), b""):
                    stream.write(block)
            os.chmod(target, (mode & 0o777) or 0o644)

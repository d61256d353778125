"""This program as files: its own files, a zip of them, and a folder unpacked from them."""

import io
import os
import struct
import zipfile
import zlib
from typing import Dict, Iterable, Optional

from pilot.base.files import write_file
from pilot.engine import loader, program
from pilot.errors import UsageError

PACKAGES = ("pilot", "commands")
ENTRY = "pilot.py"
ZIP_ENTRY = "__main__.py"
DEFAULTS = "pilot/defaults.json"
DATE = (1980, 1, 1, 0, 0, 0)  # fixed: for identical bytes, and for clocks before 1980
LOADER = "pilot/engine/loader.py"
ZIP_LOADER = "pilot_loader.py"
TEXT_PART, ZIP_PART = b"\n# -- the text form", b"\n# -- the zip form"  # of the loader


def collect_files(
    root: str, extensions: Iterable[str] = (), defaults: Optional[bytes] = None
) -> Dict[str, bytes]:
    """The files of a checkout by name: engine, toolbox, entry, and each extension's folder as a
    top-level package.

    Raises UsageError for an extension that is no package named pilot_*.
    """
    files = _read_tree(root, "pilot")
    files.update(_read_tree(root, "commands"))
    with open(os.path.join(root, ENTRY), "rb") as stream:
        files[ENTRY] = stream.read()
    return with_extras(files, extensions, defaults)


def with_extras(
    files: Dict[str, bytes], extensions: Iterable[str], defaults: Optional[bytes]
) -> Dict[str, bytes]:
    """The files with those of the extensions, but for their folder ops, and the defaults. UsageError
    for a folder that is no package pilot_*."""
    for folder in extensions:
        path = os.path.abspath(folder)
        name = os.path.basename(path)
        if not name.startswith("pilot_") or not os.path.isfile(os.path.join(path, "__init__.py")):
            raise UsageError(
                "--extension %s: is no package named pilot_* (a folder with __init__.py)" % folder
            )
        tree = _read_tree(os.path.dirname(path), name)
        operators = name + "/ops/"  # as pilot/ops: worker nodes do not run it
        files.update(
            {one: data for one, data in tree.items() if not one.startswith(operators)}
        )
    if defaults is not None:
        files[DEFAULTS] = defaults
    return files


def _read_tree(parent: str, package: str) -> Dict[str, bytes]:
    files = {}
    for folder, folders, names in os.walk(os.path.join(parent, package)):
        folders[:] = sorted(
            name for name in folders if name != "__pycache__" and not name.startswith(".")
        )
        for name in names:
            if not name.endswith((".pyc", ".pyo")) and not name.startswith("."):
                path = os.path.join(folder, name)
                with open(path, "rb") as stream:
                    files[os.path.relpath(path, parent).replace(os.sep, "/")] = stream.read()
    return files


def own_files() -> Dict[str, bytes]:
    """The files of this running program, in any of its forms."""
    embedded, place = program.embedded_files(), program.root()
    if embedded is not None:
        return {name: data for name, data in embedded.items() if name != ZIP_LOADER}
    if os.path.isdir(place):
        return collect_files(place)
    return files_of(place)


def zip_bytes(files: Dict[str, bytes]) -> bytes:
    """A zip that Python runs. It stores members uncompressed, because zlib's output depends on its
    build."""
    names = dict(files)
    names[ZIP_ENTRY], names[ZIP_LOADER] = names.pop(ENTRY), loader_for_zip(names[LOADER])
    folders = {name[: at + 1] for name in names for at, letter in enumerate(name) if letter == "/"}
    out = io.BytesIO()
    out.write(b"#!/usr/bin/env python3\n")
    with zipfile.ZipFile(out, "a", zipfile.ZIP_STORED) as archive:
        for name in sorted(list(names) + list(folders)):
            info = zipfile.ZipInfo(name, DATE)
            info.create_system = 3
            info.external_attr = (0o40755 << 16 | 0x10) if name.endswith("/") else 0o100644 << 16
            archive.writestr(info, names.get(name, b""))
    return out.getvalue()


def loader_for_zip(source: bytes) -> bytes:
    """The loader without the part that reads texts."""
    head, _, rest = source.partition(TEXT_PART)
    return head + b"".join(rest.partition(ZIP_PART)[1:])


def loader_for_text(source: bytes) -> bytes:
    """The loader without the part that reads zips."""
    return source.partition(ZIP_PART)[0]


def files_of(path: str) -> Dict[str, bytes]:
    """The files inside a zip form; UsageError when the file is no zip form."""
    try:
        with open(path, "rb") as stream:
            packed = loader.zipped(stream.read())
        files = {name: read() for name, read in packed.items()}
        files[ENTRY] = files.pop(ZIP_ENTRY)
        del files[ZIP_LOADER]
        return files
    except OSError as error:
        raise UsageError("%s: cannot be read: %s" % (path, error.strerror))
    except (ValueError, KeyError, struct.error, zlib.error):
        raise UsageError(
            "%s: is no zip form of a pilot (python3 -m pilot.bundle -o pilot.pyz)" % path
        )


def write_program(path: str, data: bytes, mode: int = 0o755) -> None:
    """Write a file by rename, executable unless `mode` differs; a link stays a link. Raises
    UsageError when that fails."""
    try:
        path = os.path.realpath(path)
        if os.path.exists(path) and not os.path.isfile(path):
            raise UsageError("%s cannot be written: it exists and is not a regular file" % path)
        write_file(path, data, mode)
        os.chmod(path, mode)  # independent of the umask
    except OSError as error:
        raise UsageError("%s cannot be written: %s" % (path, error.strerror))


def explode_into(folder: str) -> str:
    """Unpack this program in the layout of a checkout; returns the path of its pilot.py."""
    for name, data in own_files().items():
        top = name.split("/")[0]
        inside = name if top in PACKAGES + (ENTRY,) else os.path.join("extensions", name)
        path = os.path.join(folder, inside)
        try:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as stream:
                stream.write(data)
        except OSError as error:
            raise UsageError("--explode %s: %s" % (folder, error))
    return os.path.join(folder, ENTRY)

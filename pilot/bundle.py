"""The reproducible single file: a zip (`pilot.pyz`) or one plain-ASCII script (`--text`), the same bytes from any Python.

`python3 -m pilot.bundle -o pilot.pyz [--text] [--extension DIR]... [--defaults FILE]`
"""

import base64
import hashlib
import io
import json
import os
import re
import struct
import sys
import zipfile
import zlib
from typing import Dict, Iterable, Iterator, List, Optional, Sequence

from pilot.engine import loader, program
from pilot.base.files import write_whole
from pilot.errors import UsageError

PACKAGES = ("pilot", "commands")
ENTRY = "pilot.py"
ZIP_ENTRY = "__main__.py"
DEFAULTS = "pilot/defaults.json"
DATE = (1980, 1, 1, 0, 0, 0)  # fixed: for identical bytes, and for clocks before 1980
LINE, LEAN_LINE = 100, 2000
LOADER = "pilot/engine/loader.py"
ZIP_PART = b"\n# -- the zip form"  # of the loader
ZIP_LOADER = "pilot_loader.py"


def collect(root: str, extensions: Iterable[str] = (), defaults: Optional[bytes] = None) -> Dict[str, bytes]:
    """The files of a checkout by name: engine, toolbox, entry, and each extension's folder as a top-level package.

    Raises UsageError for an extension that is no package named pilot_*.
    """
    files = _tree(root, "pilot")
    files.update(_tree(root, "commands"))
    with open(os.path.join(root, ENTRY), "rb") as stream:
        files[ENTRY] = stream.read()
    return with_extras(files, extensions, defaults)


def with_extras(files: Dict[str, bytes], extensions: Iterable[str], defaults: Optional[bytes]) -> Dict[str, bytes]:
    """The files and those of the extensions and the defaults. UsageError for what is no package pilot_*."""
    for folder in extensions:
        path = os.path.abspath(folder)
        name = os.path.basename(path)
        if not name.startswith("pilot_") or not os.path.isfile(os.path.join(path, "__init__.py")):
            raise UsageError("--extension %s: is no package named pilot_* (a folder with __init__.py)" % folder)
        files.update(_tree(os.path.dirname(path), name))
    if defaults is not None:
        files[DEFAULTS] = defaults
    return files


def _tree(parent: str, package: str) -> Dict[str, bytes]:
    found = {}
    for folder, folders, names in os.walk(os.path.join(parent, package)):
        folders[:] = sorted(name for name in folders if name != "__pycache__" and not name.startswith("."))
        for name in names:
            if not name.endswith((".pyc", ".pyo")) and not name.startswith("."):
                path = os.path.join(folder, name)
                with open(path, "rb") as stream:
                    found[os.path.relpath(path, parent).replace(os.sep, "/")] = stream.read()
    return found


def own_files() -> Dict[str, bytes]:
    """The files that this very program is made of, whatever form it has."""
    embedded, place = program.embedded_files(), program.root()
    if embedded is not None:
        return {name: data for name, data in embedded.items() if name != ZIP_LOADER}
    if os.path.isdir(place):
        return collect(place)
    return files_of(place)


def zip_bytes(files: Dict[str, bytes]) -> bytes:
    """A zip that Python runs. Members are stored, not compressed: zlib's output depends on who built zlib."""
    names = dict(files)
    names[ZIP_ENTRY], names[ZIP_LOADER] = names.pop(ENTRY), names[LOADER]
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


def pack(files: Dict[str, bytes]) -> bytes:
    """Files in one block, as `loader.unpacked` reads them: zlib and base64, which every Python can undo."""
    return base64.b64encode(zlib.compress(_block(files), 9))


def pack_small(files: Dict[str, bytes]) -> bytes:
    """The same, smaller: bzip2, which not every Python has, and base 94 (nine bytes are eleven letters: a fortieth less than base 85)."""
    import bz2  # not at the top: a Python without it can make the other forms

    binary = [name for name in sorted(files) if b"\0" in files[name]]
    if binary:
        raise UsageError("%s: is no text: the lean form holds text alone (make it without --lean)" % binary[0])
    block = b"\0".join(name.encode("ascii") + b"\n" + files[name] for name in sorted(files))
    data = bz2.compress(block[::-1], 9)  # read from its end it is a little smaller
    data += bytes(-len(data) % loader.BYTES)  # bzip2 tells where it ends
    return loader.SMALL.encode("ascii") + b"".join(_letters(data[at: at + loader.BYTES]) for at in range(0, len(data), loader.BYTES))


def _letters(data: bytes) -> bytes:
    """A group of bytes as letters from space to tilde, without the backslash."""
    number, found = int.from_bytes(data, "big"), []
    for _ in range(loader.LETTERS):
        number, digit = divmod(number, 94)
        found.append(32 + digit + (digit >= 60))
    return bytes(reversed(found))


def _block(files: Dict[str, bytes]) -> bytes:
    head = "".join("%s %d\n" % (name, len(files[name])) for name in sorted(files))
    return head.encode("ascii") + b"\n" + b"".join(files[name] for name in sorted(files))


def text_bytes(files: Dict[str, bytes], header: Sequence[str] = (), words: Sequence[str] = ()) -> bytes:
    """One plain-ASCII script: the entry's version gate, a loader, and all files compressed in base64.

    `header` lines (comments, such as a batch system's directives) follow its first line; `words` come before
    what stands on its command line (but for -m, by which it starts its own tools).
    """
    return _script(files, pack(files), files[LOADER].partition(ZIP_PART)[0].decode("ascii"), header, words)


def lean_text_bytes(files: Dict[str, bytes]) -> bytes:
    """The smallest script: without comments, docstrings, types, and the built-in agent (see pilot/lean.py)."""
    import bz2

    from pilot import lean

    kept = lean.files(dict(files, **{LOADER: files[LOADER].partition(ZIP_PART)[0]}))
    reader = kept.pop(LOADER)
    small = base64.b85encode(bz2.compress(reader, 9)).decode("ascii")
    start = "import base64,bz2\nexec(bz2.decompress(base64.b85decode(%r)))" % small
    packed = {name: data for name, data in kept.items() if name != ENTRY}  # it stands at the top as it is
    return _script(kept, pack_small(packed), start, (), (), LEAN_LINE)


def _script(files: Dict[str, bytes], packed_files: bytes, reader: str, header: Sequence[str], words: Sequence[str],
            width: int = LINE) -> bytes:
    gate = re.split('if __name__ ?== ?"__main__":', files[ENTRY].decode("ascii"))[0]
    packed = packed_files.decode("ascii")
    lines = "\n".join(_cut(packed, width)).replace("'''", "''\n'")
    reader = reader.replace("\\", "\\\\").replace("'''", "\\'\\'\\'")
    first, _, rest = gate.partition("\n")
    start = 'if sys.argv[1:2] != ["-m"]:\n    sys.argv[1:1] = %s\n' % json.dumps(list(words)) if words else ""
    script = "%s\n%s%sLOADER = '''%s'''\nFILES = '''\n%s\n'''\n%sstart_text(LOADER, FILES)\n" % (
        first, "".join(line + "\n" for line in header), rest, reader, lines, start)
    return script.encode("ascii")


def _cut(text: str, width: int) -> Iterator[str]:
    """Lines of at most this width that neither begin nor end with a blank, which some would trim."""
    at = 0
    while at < len(text):
        end = min(at + width, len(text))
        while end < len(text) and " " in text[end - 1: end + 1]:
            end -= 1
        yield text[at:end]
        at = end


def files_of(path: str) -> Dict[str, bytes]:
    """The files inside a zip form; UsageError when it is none."""
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
        raise UsageError("%s: is no zip form of a pilot (python3 -m pilot.bundle -o pilot.pyz)" % path)


def write(path: str, data: bytes, mode: int = 0o755) -> None:
    """Write a file by rename, an executable one unless told; a link stays one. Raises UsageError when it cannot be."""
    try:
        path = os.path.realpath(path)
        if os.path.exists(path) and not os.path.isfile(path):
            raise UsageError("%s cannot be written: it is there and no regular file" % path)
        write_whole(path, data, mode)
        os.chmod(path, mode)  # whatever the umask
    except OSError as error:
        raise UsageError("%s cannot be written: %s" % (path, error.strerror))


def explode(folder: str) -> str:
    """Unpack this program as a checkout has it; returns the path of its pilot.py."""
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


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Write the file and print its size and sha256."""
    from pilot.engine import runner

    words: List[str] = list(sys.argv[1:] if argv is None else argv)
    return runner.guarded(lambda: _run(words), _tell)


def _run(words: List[str]) -> int:
    import argparse

    parser = argparse.ArgumentParser(prog="pilot.bundle", description="Make the single file that travels.")
    parser.add_argument("-o", "--output", required=True, metavar="FILE", help="what to write")
    parser.add_argument("--text", action="store_true", help="one plain-ASCII script instead of a zip")
    parser.add_argument("--lean", action="store_true",
                        help="with --text: the smallest one, without the built-in agent (for --execute) and the other tools")
    parser.add_argument("--extension", action="append", default=[], metavar="DIR", help="a package pilot_* to take along")
    parser.add_argument("--defaults", metavar="FILE", help="settings built in, laid out as pilot.json")
    try:
        given = parser.parse_args(words)
    except SystemExit as end:  # argparse has told what is wrong
        return int(end.code or 0)
    if given.lean and not given.text:
        raise UsageError("--lean is for --text")
    data = make(given.text, given.extension, given.defaults, given.lean)
    write(given.output, data)
    print("%s: %d bytes, sha256 %s" % (given.output, len(data), hashlib.sha256(data).hexdigest()))
    return 0


def make(text: bool, extensions: Sequence[str], defaults: Optional[str], lean: bool = False) -> bytes:
    """The single file's bytes."""
    files = with_extras(own_files(), extensions, None if defaults is None else packed_defaults(defaults))
    if lean:
        return lean_text_bytes(files)
    return text_bytes(files) if text else zip_bytes(files)


def packed_defaults(path: str) -> bytes:
    """A pilot.json as it is built in. UsageError when it is none."""
    from pilot.engine import site_profile

    return json.dumps(site_profile.load(path), sort_keys=True, indent=1).encode("ascii")


def _tell(code: int, problems: Sequence[str]) -> None:
    for problem in problems:
        sys.stderr.write("pilot.bundle: error: %s\n" % problem)


if __name__ == "__main__":
    sys.exit(main())

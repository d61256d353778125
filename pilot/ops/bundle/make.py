"""Builds the single file of the pilot: a zip (`pilot.pyz`), a script in plain ASCII (`--text`) or
the smallest script (`--lean`). Every Python produces the same bytes.
"""

import base64
import json
import re
import zlib
from typing import Dict, Iterator, List, Optional, Sequence

from pilot.engine import loader, program, site_profile
from pilot.engine.onefile import ENTRY, LOADER, loader_for_text, own_files, with_extras, zip_bytes
from pilot.errors import UsageError
from pilot.ops.bundle.annotations import untyped_files

LINE, LEAN_LINE = 100, 2000
# This code runs before the version gate is unpacked, on any Python, including 2.7. First it stops
# imports from the script's folder and from the working directory.
LEAN_HEAD = """#!/usr/bin/env python3
import os,sys
real,name=os.path.realpath,globals().get("__file__")or""
near=[real("."),os.path.dirname(real(name)),real(os.path.dirname(name))]
if sys.path[:1]and real(sys.path[0])in near:del sys.path[0]
try:
 import base64,bz2
except ImportError:
 sys.stderr.write("pilot: error: no bz2: %%s is not a whole Python\\n"%%sys.executable)
 sys.exit(10)
exec(bz2.decompress(base64.b64decode("%s")).decode())
"""
# Files that no worker node runs: the operators' tools, the modules that start them, and the helper
# of the unit tests.
ALIASES = tuple(
    name.replace(".", "/") + ("/__main__.py" if name in program.PACKAGES else ".py")
    for name in program.OPERATORS
)
LEFT_OUT = ("pilot/ops/", "pilot/testing.py") + ALIASES


def files_for_nodes(files: Dict[str, bytes]) -> Dict[str, bytes]:
    """Return the files without the operators' tools."""
    return {name: data for name, data in files.items() if not name.startswith(LEFT_OUT)}


def pack_zlib(files: Dict[str, bytes]) -> bytes:
    """Pack the files into one block for `loader.unpacked`: zlib and base64, which every Python can
    decode."""
    return base64.b64encode(zlib.compress(_join_files(files), 9))


def pack_small(files: Dict[str, bytes]) -> bytes:
    """Pack the files into a smaller block: bzip2, which some Python builds lack, and base 94 (nine
    bytes become eleven characters: one fortieth less than base 85)."""
    import bz2  # imported here: a Python without bz2 can still make the other forms

    binary = [name for name in sorted(files) if b"\0" in files[name]]
    if binary:
        raise UsageError(
            "%s: is no text: the lean form holds text alone (make it without --lean)" % binary[0]
        )
    # The order of the files and the direction of the text change the size of the bzip2 data by some
    # hundred bytes.
    data = min(
        (bz2.compress(_join_parts(files, names)[::-1], 9) for names in _orders(files)), key=len
    )
    data += bytes(-len(data) % loader.BYTES)  # padding: bzip2 marks the end of its own data
    return loader.SMALL.encode("ascii") + b"".join(
        _as_letters(data[at : at + loader.BYTES]) for at in range(0, len(data), loader.BYTES)
    )


def _orders(files: Dict[str, bytes]) -> List[List[str]]:
    """Return several orders of the file names."""
    names = sorted(files)
    return [
        names,
        sorted(names, key=lambda name: (len(files[name]), name)),
        sorted(names, key=lambda name: (-len(files[name]), name)),
        sorted(names, key=lambda name: (name.rpartition("/")[2], name)),
        sorted(names, key=lambda name: (files[name][::-1], name)),
        sorted(names, key=lambda name: (len(files[name].split(b"\n")[0]), name)),
    ]


def _join_parts(files: Dict[str, bytes], names: List[str]) -> bytes:
    return b"\0".join(name.encode("ascii") + b"\n" + files[name] for name in names)


def _as_letters(data: bytes) -> bytes:
    """Write a group of bytes as characters from space to tilde, without the backslash."""
    number, letters = int.from_bytes(data, "big"), []
    for _ in range(loader.LETTERS):
        number, digit = divmod(number, 94)
        letters.append(32 + digit + (digit >= 60))
    return bytes(reversed(letters))


def _join_files(files: Dict[str, bytes]) -> bytes:
    head = "".join("%s %d\n" % (name, len(files[name])) for name in sorted(files))
    return head.encode("ascii") + b"\n" + b"".join(files[name] for name in sorted(files))


def text_bytes(
    files: Dict[str, bytes], header: Sequence[str] = (), words: Sequence[str] = ()
) -> bytes:
    """Return one plain-ASCII script: the version gate of the entry file, a loader, and all files
    compressed in base64.

    The `header` lines (comments, such as the directives of a batch system) follow the first line of
    the script. The script puts `words` before the arguments on its command line, except when the
    first argument is -m, which starts one of its tools.
    """
    return _write_script(
        files, pack_zlib(files), loader_for_text(files[LOADER]).decode("ascii"), header, words
    )


def lean_text_bytes(files: Dict[str, bytes]) -> bytes:
    """Return the smallest script: without comments, docstrings, types and the built-in agent (see
    pilot/ops/bundle/lean.py)."""
    import bz2

    from pilot.ops.bundle import lean

    kept = lean.lean_files(dict(files, **{LOADER: loader_for_text(files[LOADER])}))
    reader = kept.pop(LOADER)
    # the top of the script already contains the entry file
    packed = {name: data for name, data in kept.items() if name != ENTRY}
    gate = "%s\nLOADER = %r\n" % (_gate_of(kept), reader.decode("ascii"))
    head = LEAN_HEAD % base64.b64encode(bz2.compress(gate.encode("ascii"), 9)).decode("ascii")
    return (head + _files_part(pack_small(packed), LEAN_LINE)).encode("ascii")


def _gate_of(files: Dict[str, bytes]) -> str:
    """Return the entry file without its last lines, which may only run after the loader has
    unpacked the files."""
    return re.split('if __name__ ?== ?"__main__":', files[ENTRY].decode("ascii"))[0]


def _files_part(packed: bytes, width: int, start: str = "") -> str:
    lines = "\n".join(_cut_lines(packed.decode("ascii"), width)).replace("'''", "''\n'")
    return "FILES = '''\n%s\n'''\n%sstart_text(LOADER, FILES)\n" % (lines, start)


def _write_script(
    files: Dict[str, bytes],
    packed: bytes,
    reader: str,
    header: Sequence[str],
    words: Sequence[str],
) -> bytes:
    reader = reader.replace("\\", "\\\\").replace("'''", "\\'\\'\\'")
    first, _, rest = _gate_of(files).partition("\n")
    start = (
        'if sys.argv[1:2] != ["-m"]:\n    sys.argv[1:1] = %s\n' % json.dumps(list(words))
        if words
        else ""
    )
    script = "%s\n%s%sLOADER = '''%s'''\n%s" % (
        first,
        "".join(line + "\n" for line in header),
        rest,
        reader,
        _files_part(packed, LINE, start),
    )
    return script.encode("ascii")


def _cut_lines(text: str, width: int) -> Iterator[str]:
    """Cut the text into lines of at most this width. No line begins or ends with a blank, because
    some programs remove such blanks."""
    at = 0
    while at < len(text):
        end = min(at + width, len(text))
        while end < len(text) and " " in text[end - 1: end + 1]:
            end -= 1
        yield text[at:end]
        at = end


def make_file(
    text: bool,
    extensions: Sequence[str],
    defaults: Optional[str],
    lean: bool = False,
    with_ops: bool = False,
) -> bytes:
    """Return the bytes of the single file. With `with_ops`, the file also contains the operators'
    tools."""
    files = own_files()
    if not with_ops:
        files = files_for_nodes(files)
    elif "pilot/ops/__init__.py" not in files:
        raise UsageError(
            "--with-ops: this file has no tools for operators: make it in a checkout or an installed pilot-toolbox"
        )
    files = untyped_files(files)
    files = with_extras(files, extensions, None if defaults is None else packed_defaults(defaults))
    if lean:
        return lean_text_bytes(files)
    return text_bytes(files) if text else zip_bytes(files)


def packed_defaults(path: str) -> bytes:
    """Return a pilot.json in the form that the file contains. UsageError if it is not valid."""
    return json.dumps(site_profile.load(path), sort_keys=True, indent=1).encode("ascii")

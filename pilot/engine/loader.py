"""Imports the program's modules from the one file that holds them all, without writing to disk.

The zip form has this module at its top, the text form carries it as text; a checkout does not use
it. It reads a zip some ten times faster than zipimport, which matters because every pilot starts
with it.
"""

import gc
import os
import sys
import zlib
from importlib.machinery import ModuleSpec
from typing import Any, Callable, Dict, Optional


class PackedLoader:
    """Finder and loader of packed modules; `pilot_files` maps every file's name to its bytes."""

    def __init__(self, files: Dict[str, Callable[[], bytes]], home: str) -> None:
        self._files, self._home = files, home

    @property
    def pilot_files(self) -> Dict[str, bytes]:
        """All files by name."""
        return {name: read() for name, read in self._files.items()}

    def _name(self, module: str) -> Optional[str]:
        path = module.replace(".", "/")
        for name in (path + ".py", path + "/__init__.py"):
            if name in self._files and name != "pilot.py":
                return name
        return None

    def find_spec(self, module: str, path: object = None, target: object = None) -> Optional[ModuleSpec]:
        """importlib's finder protocol."""
        name = self._name(module)
        if name is None:
            return None
        package = name.endswith("/__init__.py")
        origin = os.path.join(self._home, name)
        spec = ModuleSpec(module, self, origin=origin, is_package=package)  # type: ignore[arg-type]
        spec.has_location = True
        if package and spec.submodule_search_locations is not None:
            spec.submodule_search_locations.append(os.path.dirname(origin))
        return spec

    def create_module(self, spec: ModuleSpec) -> None:
        """Do nothing: importlib then makes the usual kind of module."""

    def exec_module(self, module: Any) -> None:
        """importlib's loader protocol."""
        source = self._files[self._name(module.__spec__.name) or ""]()
        exec(compile(source, module.__spec__.origin, "exec", dont_inherit=True), module.__dict__)

    def get_source(self, module: str) -> Optional[str]:
        """The source, for tracebacks."""
        name = self._name(module)
        return self._files[name]().decode("utf-8") if name else None

    def get_data(self, path: str) -> bytes:
        """A packed file's bytes; OSError when it is not packed."""
        name = os.path.relpath(path, self._home).replace(os.sep, "/")
        if name not in self._files:
            raise OSError("%s is not packed" % path)
        return self._files[name]()


def _run(loader: PackedLoader) -> int:
    sys.meta_path.insert(0, loader)
    # the objects of the start stay alive: garbage collection would take a tenth of the start; main
    # enables it
    gc.disable()
    from pilot.__main__ import main

    return main()


# -- the text form: a zip goes without this

SMALL = "[bz2]"
BYTES, LETTERS = 9, 11


def unpacked(packed: str) -> Dict[str, Callable[[], bytes]]:
    """The files of a text form, as pilot/ops/bundle/make.py packs them: lines "name size", an empty
    one, all bytes; compressed, as text. In the small one, backwards, each file follows its name in
    a line of its own, and NUL stands between them."""
    if packed.lstrip().startswith(SMALL):
        import bz2

        data = bz2.BZ2Decompressor().decompress(
            _bytes(packed.replace("\n", "").lstrip()[len(SMALL) :])
        )[::-1]
        parts = (part.partition(b"\n") for part in data.split(b"\0"))
        return {name.decode("ascii"): _slice(text, 0, len(text)) for name, _, text in parts}
    import base64  # the zip form needs none

    head, _, body = zlib.decompress(base64.b64decode(packed)).partition(b"\n\n")
    codes, at = {}, 0
    for line in head.decode("ascii").split("\n"):
        name, _, size = line.rpartition(" ")
        codes[name] = _slice(body, at, int(size))
        at += int(size)
    return codes


def _bytes(letters: str) -> bytes:
    data = bytearray()
    for at in range(0, len(letters), LETTERS):
        number = 0
        for letter in letters[at: at + LETTERS]:
            number = number * 94 + ord(letter) - (33 if letter > "\\" else 32)
        data += number.to_bytes(BYTES, "big")
    return bytes(data)


def _slice(body: bytes, at: int, size: int) -> Callable[[], bytes]:
    return lambda: body[at: at + size]


def run_text(packed: str, script: Optional[str]) -> int:
    """Run the pilot from a text script (None: it was read from a pipe); returns its exit code."""
    return _run(PackedLoader(unpacked(packed), os.path.abspath(script) if script else "<pipe>"))


# -- the zip form: a text goes without this

import struct  # noqa: E402

# of the zip format (APPNOTE.TXT)
END, ENTRY, LOCAL = b"PK\005\006", struct.Struct("<4s4B4HL2L5H2L"), 30


def zipped(data: bytes) -> Dict[str, Callable[[], bytes]]:
    """The members of a zip, stored or deflated, by name."""
    end = data.rindex(END)
    count, _, at = struct.unpack_from("<HLL", data, end + 10)
    base = (
        end - struct.unpack_from("<L", data, end + 12)[0] - at
    )  # what stands before the zip, a #! line say
    at += base
    files = {}
    for _ in range(count):
        fields = ENTRY.unpack_from(data, at)
        length, extra, comment = fields[12:15]
        name = data[at + ENTRY.size: at + ENTRY.size + length].decode("utf-8")
        if not name.endswith("/"):
            files[name] = _member(data, fields[6], fields[10], base + fields[18])
        at += ENTRY.size + length + extra + comment
    return files


def _member(data: bytes, method: int, size: int, at: int) -> Callable[[], bytes]:
    def read() -> bytes:
        name, extra = struct.unpack_from("<HH", data, at + 26)
        start = at + LOCAL + name + extra
        raw = data[start: start + size]
        return zlib.decompress(raw, -15) if method == 8 else raw

    return read


def run_zip(path: str) -> int:
    """Run the pilot from a zip; returns its exit code."""
    with open(path, "rb") as stream:
        files = zipped(stream.read())
    files["pilot.py"] = files.pop("__main__.py")
    return _run(PackedLoader(files, os.path.abspath(path)))

"""`python3 -m pilot_dirac.publish -o FOLDER [--pilot-json FILE] [--extension DIR]... [--module
FILE]...`: publishes the pilot in a folder from which sites fetch it.

Writes the files that DIRAC's wrappers need (pilot.tar, pilot.json, checksums.sha512) and
manifest.json for wrapper.py. Each file also exists under its own checksum. The manifest names the
checksums; publish replaces it last, and atomically.
"""

import hashlib
import io
import json
import os
import sys
import tarfile
import time
from typing import Dict, List, Sequence

from pilot.engine import onefile
from pilot.ops.bundle import make
from pilot.engine import site_profile
from pilot.errors import UsageError
from pilot.ops.tool import ToolParser, run_tool

from .wrapper import CHECKSUMS, MANIFEST, PILOT, TAR

HERE = os.path.dirname(os.path.abspath(__file__))
FILES = "files"


def main(argv: Sequence[str] = ()) -> int:
    """Publish; returns the exit code."""
    return run_tool("pilot_dirac.publish", argv or None, _run_tool)


def _make_parser() -> ToolParser:
    parser = ToolParser(
        prog="pilot_dirac.publish", description="Put the pilot where sites fetch it."
    )
    parser.add_argument(
        "-o", "--output", required=True, metavar="FOLDER", help="the web server's folder"
    )
    parser.add_argument(
        "--pilot-json", metavar="FILE", help="the pilot.json to publish (default: an empty one)"
    )
    parser.add_argument(
        "--extension",
        action="append",
        default=[],
        metavar="DIR",
        help="a package pilot_* to include",
    )
    parser.add_argument(
        "--module",
        action="append",
        default=[],
        metavar="FILE",
        help="a community's <Extension>Commands.py",
    )
    return parser


def _run_tool(words: List[str]) -> int:
    given = _make_parser().parse_args(words)
    if given.pilot_json:
        site_profile.load(given.pilot_json)
    pilot = make.make_file(
        True, [HERE] + given.extension, os.path.join(HERE, "defaults.json"), True
    )
    members = {PILOT: pilot}
    members.update({os.path.basename(path): _read_module(path) for path in given.module})
    publish_files(
        given.output,
        {
            "pilot.json": _read_content(given.pilot_json) if given.pilot_json else b"{}",
            TAR: pack_tar(members),
        },
    )
    print("%s: %s of %d bytes, %s" % (given.output, PILOT, len(pilot), ", ".join(sorted(members))))
    return 0


def publish_files(folder: str, files: Dict[str, bytes]) -> None:
    """Write the files. A client that reads the manifest at the same time gets all old files or all
    new files."""
    try:
        os.makedirs(os.path.join(folder, FILES), exist_ok=True)
    except OSError as error:
        raise UsageError("%s cannot be made: %s" % (folder, error.strerror))
    sums = {name: hashlib.sha512(data).hexdigest() for name, data in files.items()}
    for name, data in files.items():
        onefile.write_program(os.path.join(folder, FILES, sums[name]), data, 0o644)
    for name, data in files.items():
        onefile.write_program(os.path.join(folder, name), data, 0o644)
    text = "".join("%s  %s\n" % (digest, name) for name, digest in sorted(sums.items()))
    onefile.write_program(os.path.join(folder, CHECKSUMS), text.encode("ascii"), 0o644)
    manifest = json.dumps({"files": sums, "made": int(time.time())}, indent=1, sort_keys=True)
    onefile.write_program(os.path.join(folder, MANIFEST), (manifest + "\n").encode("ascii"), 0o644)


def pack_tar(members: Dict[str, bytes]) -> bytes:
    """A tar of these files with fixed dates: every machine creates the same bytes."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, data in sorted(members.items()):
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(data), 0o755
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def _read_module(path: str) -> bytes:
    """The text of a module; UsageError when Python cannot compile it."""
    data = _read_content(path)
    try:
        compile(data, path, "exec", dont_inherit=True)
    except (SyntaxError, ValueError) as error:
        raise UsageError("%s: is no Python %d.%d: %s" % ((path,) + sys.version_info[:2] + (error,)))
    return data


def _read_content(path: str) -> bytes:
    try:
        with open(path, "rb") as stream:
            return stream.read()
    except OSError as error:
        raise UsageError("%s: cannot be read: %s" % (path, error.strerror))


if __name__ == "__main__":
    sys.exit(main())

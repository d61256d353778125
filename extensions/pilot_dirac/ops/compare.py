"""`python3 -m pilot_dirac.compare OLD NEW -- ARGUMENTS`: runs two pilots with the same command line, in
two new folders, with programs that record what they receive, and prints the differences."""

import os
import sys
import tempfile
from typing import Dict, List, Sequence

from pilot.errors import UsageError
from pilot.ops.tool import ToolParser, run_tool

from .client_program import POWER
from .differences import find_differences
from .recording import Recording, Site, record_pilot
from .wanted import find_rule

DIFFERENT = 1


def main(argv: Sequence[str] = ()) -> int:
    """Compare; returns 0 when all differences are wanted, and 1 when some are not."""
    return run_tool("pilot_dirac.compare", argv or None, _run_tool)


def _make_parser() -> ToolParser:
    parser = ToolParser(
        prog="pilot_dirac.compare",
        description="Run two pilots side by side and print what differs. The words after -- go to "
        "both; {client} in them is the folder of the recording programs, {client}/cvmfs a folder as "
        "CVMFS has it. Exit code 1: there are differences that docs/dirac.md does not name.",
    )
    parser.add_argument("old", help="a pilot: one file, or the folder of dirac-pilot.py")
    parser.add_argument("new", help="another one")
    parser.add_argument(
        "--with", dest="files", action="append", default=[], metavar="FILE",
        help="put this file beside both: pilot.json, VoCommands.py (repeatable)",
    )
    parser.add_argument(
        "--set", dest="variables", action="append", default=[], metavar="NAME=VALUE",
        help="a variable for both (repeatable)",
    )
    parser.add_argument(
        "--client", default="", metavar="FILE",
        help="the script (diracosrc) of a real client whose programs run after they were recorded",
    )
    parser.add_argument("--all", action="store_true", help="print wanted differences, too, and why")
    parser.add_argument("--keep", default="", metavar="FOLDER", help="a new folder to leave all files in")
    return parser


def _run_tool(words: List[str]) -> int:
    split = words.index("--") if "--" in words else len(words)
    given = _make_parser().parse_args(words[:split])
    site = Site(_variables(given.variables), _read_files(given.files), {}, given.client)
    if given.keep:
        os.makedirs(given.keep)
        return _compare(given.old, given.new, words[split + 1 :], given.keep, site, given.all)
    with tempfile.TemporaryDirectory() as folder:
        return _compare(given.old, given.new, words[split + 1 :], folder, site, given.all)


def _variables(pairs: Sequence[str]) -> Dict[str, str]:
    wrong = [pair for pair in pairs if "=" not in pair]
    if wrong:
        raise UsageError("--set %s: is not NAME=VALUE" % wrong[0])
    # the power that the client's program tells DIRAC's pilot
    usual = {"PATH": "/usr/bin:/bin", "PILOT_CPU_POWER": POWER}
    for name in ("X509_CERT_DIR", "X509_VOMS_DIR", "X509_VOMSES"):
        usual[name] = "{client}"  # DIRAC's pilot does not start without them
    return dict(usual, **dict(pair.split("=", 1) for pair in pairs))


def _read_files(paths: Sequence[str]) -> Dict[str, bytes]:
    found = {}
    for path in paths:
        try:
            with open(path, "rb") as stream:
                found[os.path.basename(path)] = stream.read()
        except OSError as error:
            raise UsageError("--with %s: cannot be read: %s" % (path, error.strerror))
    return found


def _compare(old: str, new: str, words: List[str], folder: str, site: Site, everything: bool) -> int:
    before = record_pilot(old, words, os.path.join(folder, "old"), site)
    after = record_pilot(new, words, os.path.join(folder, "new"), site)
    for name, one in (("old", before), ("new", after)):
        _print_end(name, one)
    unwanted = wanted = 0
    for difference in find_differences(before, after):
        rule = find_rule(difference)
        unwanted, wanted = unwanted + (rule is None), wanted + (rule is not None)
        if rule is None:
            print("DIFFERENT  %s" % difference.line())
        elif everything:
            print("wanted     %s\n           %s" % (difference.line(), rule.why))
    print("%d differences, and %d wanted ones%s" % (
        unwanted, wanted, "" if everything or not wanted else " (--all prints them)"))
    return DIFFERENT if unwanted else 0


def _print_end(name: str, recording: Recording) -> None:
    print("%s: exit code %d, %d programs started, %d values in pilot.cfg" % (
        name, recording.exit_code, len(recording.calls), len(recording.options)))
    if recording.exit_code:
        print("     its last line: %s" % recording.last_line)


if __name__ == "__main__":
    sys.exit(main())

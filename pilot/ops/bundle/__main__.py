"""`python3 -m pilot.bundle -o pilot.pyz [--text] [--lean] [--with-ops] [--extension DIR]...
[--defaults FILE]`"""

import hashlib
import sys
from typing import List, Optional, Sequence

from pilot.engine.onefile import write_program
from pilot.errors import UsageError
from pilot.ops.bundle.make import make_file
from pilot.ops.tool import ToolParser, run_tool


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Write the file. Print its size and its sha256."""
    return run_tool("pilot.bundle", argv, _run_tool)


def _run_tool(words: List[str]) -> int:
    parser = ToolParser(
        prog="pilot.bundle", description="Make the single file that travels."
    )
    parser.add_argument("-o", "--output", required=True, metavar="FILE", help="what to write")
    parser.add_argument(
        "--text", action="store_true", help="one plain-ASCII script instead of a zip"
    )
    parser.add_argument(
        "--lean",
        action="store_true",
        help="with --text: the smallest one, without the built-in agent (for --execute) and the other tools",
    )
    parser.add_argument(
        "--with-ops",
        action="store_true",
        help="with the operators' tools too (pool, server, ship, bundle, manual)",
    )
    parser.add_argument(
        "--extension",
        action="append",
        default=[],
        metavar="DIR",
        help="a package pilot_* to include",
    )
    parser.add_argument(
        "--defaults", metavar="FILE", help="settings built in, laid out as pilot.json"
    )
    given = parser.parse_args(words)
    if given.lean and not given.text:
        raise UsageError("--lean is for --text")
    if given.lean and given.with_ops:
        raise UsageError("--lean is for nodes: it cannot be combined with --with-ops")
    data = make_file(given.text, given.extension, given.defaults, given.lean, given.with_ops)
    write_program(given.output, data)
    print("%s: %d bytes, sha256 %s" % (given.output, len(data), hashlib.sha256(data).hexdigest()))
    return 0


if __name__ == "__main__":
    sys.exit(main())

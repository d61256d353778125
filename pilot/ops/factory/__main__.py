"""`python3 -m pilot.factory VERB FILE ...`: the operators' commands of the factory."""

import argparse
import sys
from typing import List, Optional, Sequence

from pilot.ops.factory import control_verbs, edit_verbs, look_verbs, simulate_verb, waste_verb
from pilot.ops.tool import ToolParser, run_tool


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    top = ToolParser(
        prog="pilot.factory",
        description="Keep the right number of pilots on the batch systems of this machine.",
    )
    verbs = top.add_subparsers(dest="verb", metavar="VERB", parser_class=ToolParser)
    for module in (edit_verbs, control_verbs, look_verbs, waste_verb, simulate_verb):
        module.add_verbs(verbs)
    return top


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Run the tool; returns the exit code."""
    return run_tool("pilot.factory", argv, _run_words)


def _run_words(words: List[str]) -> int:
    parser = make_parser()
    at = words.index("--") if "--" in words else len(words)
    given = parser.parse_args(words[:at])
    if given.verb is None:
        parser.error("which verb? See --help")
    given.words = words[at + 1:]
    if given.words and given.verb != "add":
        parser.error("words after -- are for add only")
    return int(given.function(given))


if __name__ == "__main__":
    sys.exit(main())

"""Runs the operators' tools. Handles exit codes and prints errors as sentences on stderr."""

import argparse
import sys
from typing import Callable, List, Optional, Sequence

from pilot.base import log
from pilot.engine import runner


class Finished(Exception):
    """The parser has printed its help or an error. `code` is the exit code."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class ToolParser(argparse.ArgumentParser):
    """An argparse parser that raises Finished instead of ending the process."""

    def exit(self, status: int = 0, message: Optional[str] = None) -> None:  # type: ignore[override]
        """argparse calls this method to exit."""
        if message:
            self._print_message(message, sys.stderr)
        raise Finished(status)


def run_tool(name: str, argv: Optional[Sequence[str]], run: Callable[[List[str]], int]) -> int:
    """Run a tool with the words of its command line (None: the words of the process). Return the
    exit code."""
    words = list(sys.argv[1:] if argv is None else argv)

    def print_errors(code: int, problems: Sequence[str]) -> None:
        for problem in problems:
            sys.stderr.write("%s: error: %s\n" % (name, log.printable(problem)))

    def run_words() -> int:
        try:
            return run(words)
        except Finished as end:
            return end.code

    return runner.guarded(run_words, print_errors)

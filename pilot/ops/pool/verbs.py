"""The verbs of pilot.pool's command line."""

import argparse
from typing import Callable

from pilot.ops.tool import ToolParser

Run = Callable[[argparse.Namespace], int]


class VerbTable:
    """Adds verbs to a command line. Each verb stores the function that runs it."""

    def __init__(self, top: ToolParser) -> None:
        self._parsers = top.add_subparsers(dest="verb", metavar="VERB")

    def add_verb(
        self, name: str, run: Run, help_text: str, description: str = ""
    ) -> argparse.ArgumentParser:
        """Add a verb that defines its own arguments."""
        parser = self._parsers.add_parser(name, help=help_text, description=description or None)
        parser.set_defaults(function=run)
        return parser

    def add_pool_verb(self, name: str, run: Run, help_text: str) -> argparse.ArgumentParser:
        """Add a verb whose first argument is a pool."""
        parser = self.add_verb(name, run, help_text, help_text)
        parser.add_argument(
            "pool", metavar="POOL", help="sqlite:FILE or a server's http(s)://HOST:PORT"
        )
        return parser

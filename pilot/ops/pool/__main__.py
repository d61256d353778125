"""`python3 -m pilot.pool add|status|show|retry|cancel|export|import|backup|restore|purge|serve POOL
...`: the operators' tool for a pool."""

import sys
from typing import List, Optional, Sequence

from pilot.errors import PoolUnreachable, UsageError
from pilot.ops.pool.maintenance_verbs import add_maintenance_verbs
from pilot.ops.pool.server_verbs import add_server_verbs
from pilot.ops.pool.task_verbs import add_task_verbs
from pilot.ops.pool.verbs import VerbTable
from pilot.ops.tool import ToolParser, run_tool
from pilot.pool import interface


def make_parser() -> ToolParser:
    """Return the command line parser with all verbs."""
    top = ToolParser(
        prog="pilot.pool", description="Tasks for pilots: add them, look at them, send them back."
    )
    verbs = VerbTable(top)
    add_task_verbs(verbs)
    add_maintenance_verbs(verbs)
    add_server_verbs(verbs)
    return top


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Run one verb and return the exit code. Errors appear as sentences on stderr."""
    return run_tool("pilot.pool", argv, _run_verb)


def _run_verb(words: List[str]) -> int:
    top = make_parser()
    given = top.parse_args(words)
    if not given.verb:
        raise UsageError(
            "which of add, status, show, retry, cancel, export, import, backup, restore, purge, serve, feed, mint, "
            "start-token, withdraw, token, openapi? See --help"
        )
    try:
        return int(given.function(given))
    except interface.Busy as error:
        raise PoolUnreachable(str(error))
    except BrokenPipeError:
        return 0


if __name__ == "__main__":
    sys.exit(main())

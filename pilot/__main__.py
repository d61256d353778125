"""main(argv) -> exit code: parse, load, plan, run, report."""

import gc
import os
import sys

# started as a file or folder: our own folder must not shadow the standard library
if not __package__:
    sys.path[0] = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

import importlib  # noqa: E402
from typing import Dict, List, Optional, Sequence  # noqa: E402

from pilot.engine import runner
from pilot.base import log  # noqa: E402
from pilot.errors import NodeUnfit, UsageError  # noqa: E402
from pilot.engine.program import MODULES, OPERATORS, PACKAGES, RUN_MODULE, has  # noqa: E402
from pilot.engine.request import Request, parse  # noqa: E402


def main(argv: Optional[Sequence[str]] = None, environ: Optional[Dict[str, str]] = None) -> int:
    """Run a pilot (or, with `-m MODULE`, one of the program's other tools); returns the exit
    code."""
    log.safe_streams()
    words = list(sys.argv[1:] if argv is None else argv)
    variables = dict(os.environ if environ is None else environ)
    if words[:1] == [RUN_MODULE]:
        code = runner.guarded(lambda: run_module(words[1:]), tell)
    else:
        code = runner.guarded(lambda: run_pilot(words, variables), tell)
    log.say("")
    log.say("", error=True)
    return code


def run_pilot(words: Sequence[str], environ: Dict[str, str]) -> int:
    """Do what the command line requests: show a text about the program, or run the pilot."""
    if os.getpid() == 1:
        from pilot.engine import container_init  # only in a container

        container_init.step_aside()
    from pilot.engine import life

    try:
        request = parse(words, environ, _here())
    except (UsageError, NodeUnfit) as error:
        from pilot.engine import refusal  # only after a mistake

        return refusal.refuse(words, error, environ)
    gc.enable()
    if not request.text:
        return life.live(request)
    from pilot.engine import texts

    return texts.show(request)


def _here() -> str:
    try:
        return os.getcwd()
    except OSError:
        raise NodeUnfit("the working directory is gone")


def run_module(words: List[str]) -> int:
    """`pilot.pyz -m pilot.pool ...`: the program's other tools, from the same file."""
    gc.enable()
    if not words or words[0] not in MODULES:
        raise UsageError("-m takes one of %s" % ", ".join(MODULES))
    module = words[0]
    if module in OPERATORS and not has("pilot.ops"):
        raise UsageError(
            "this file has no %s, as no node runs it: use a checkout, or a file made with pilot.bundle --with-ops"
            % module
        )
    if not has("pilot.agent.launch"):
        raise UsageError("this file has no built-in agent (pilot.bundle --lean)")
    if module in PACKAGES:
        module += ".__main__"
    return int(importlib.import_module(module).main(words[1:]))


def tell(code: int, problems: Sequence[str]) -> None:
    """Print errors outside any command to stderr."""
    for problem in problems:
        log.say("pilot: error: %s\n" % problem, error=True)


__all__ = ["main", "Request"]

if __name__ == "__main__":
    sys.exit(main())

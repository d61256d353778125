"""Communities' own modules, written for DIRAC's pilot: <Extension>Commands.py beside the pilot, run
as they are.

They import pilotTools and pilotCommands (or Pilot.pilotTools ...), which are faces of this package.
"""

import ast
import importlib
import importlib.util
import inspect
import sys
import types
from typing import Any, Dict, List, Optional, Tuple, Type

from commands.launch_agent import LaunchAgent as ToolboxLaunchAgent
from pilot.engine import runner, search
from pilot.command import Command, Option
from pilot.context import Context
from pilot.errors import ConfigurationFailed, UsageError

from . import faces
from .command import DiracCommand, begin_command, perform_step
from .options import TABLE

SUFFIX = "Commands"
LIMIT_S = 4 * 3600.0  # a community's step may install things
OURS = ("pilot_dirac.", "pilot.")
# insides of Pilot 2 that are gone for good
GONE = (
    "_setInstallOptions",
    "installOpts",
    "_locateInstallationScript",
    "_installDIRAC",
    "gitRepos",
)
_EXECUTE: Tuple[Option, ...] = tuple(
    option for option in ToolboxLaunchAgent.options if option.name == "execute"
)


class Adopted(Command):
    """A command of a community's module."""

    options = tuple(TABLE.values()) + _EXECUTE
    legacy: Any = None  # a class of the community: whatever has execute()

    def run(self, ctx: Context) -> Tuple[object, ...]:
        pp = begin_command(ctx)
        step = self.legacy(pp)
        perform_step(pp, self, step.execute)
        for fact in getattr(step, "found", ()):
            runner.keep(self.name, ctx, fact)
        return ()


def adopt(name: str) -> Optional[types.ModuleType]:
    """The engine's hook: the module of -E NAME by DIRAC's rule, with COMMANDS; else our own package
    for that community; else, as with DIRAC, a name without commands, which the engine tells of.

    A module that cannot be imported raises what it raised; one for Pilot 2 is a UsageError with
    file and line.
    """
    faces.install_faces()
    # their modules import one another
    sys.path += [folder for folder in search.current().folders() if folder not in sys.path]
    module = name + SUFFIX
    spec = importlib.util.find_spec(module)
    if spec is None or spec.origin is None:
        return _package_of(name)
    refuse_the_gone(spec.origin)
    try:
        adopted = importlib.import_module(module)
    except SystemExit as end:
        raise UsageError(
            "%s: it ends the program while it is imported (sys.exit(%s))" % (spec.origin, end.code)
        )
    classes = [adopt_class(item) for item in commands_in(adopted)]
    if not classes:
        raise UsageError("-E %s: %s has no class with execute()" % (name, adopted.__file__))
    return _make_module(module, adopted.__file__ or "", tuple(classes))


def _package_of(name: str) -> Optional[types.ModuleType]:
    """pilot_lhcb for LHCb and for LHCbPilot."""
    short = name.lower()
    for candidate in (short, short[: -len("pilot")] if short.endswith("pilot") else ""):
        module = "pilot_" + candidate
        if candidate and module != "pilot_" + name and importlib.util.find_spec(module) is not None:
            return importlib.import_module(module)
    return _make_module(name, "", ())


def _make_module(name: str, file: str, commands: Tuple[Type[Command], ...]) -> types.ModuleType:
    made = types.ModuleType(name)
    vars(made).update(__file__=file, COMMANDS=commands)
    return made


def commands_in(module: types.ModuleType) -> List[type]:
    """The classes that can be executed and are not ours, also those the module took from other
    modules of the community."""
    return [
        item
        for item in vars(module).values()
        if inspect.isclass(item)
        and callable(getattr(item, "execute", None))
        and not item.__module__.startswith(OURS)
    ]


def adopt_class(legacy: type) -> Type[Command]:
    """A command of the engine that runs this class."""
    body: Dict[str, object] = {
        "name": legacy.__name__,
        "legacy": legacy,
        "__module__": legacy.__module__,
        "__doc__": inspect.getdoc(legacy) or "A command of %s." % legacy.__module__,
        "failure": getattr(legacy, "failure", ConfigurationFailed),
        "timeout_s": LIMIT_S,
    }
    if issubclass(legacy, DiracCommand):
        legacy.timeout_s = max(LIMIT_S, legacy.timeout_s or 0.0)
        body["timeout_s"] = legacy.timeout_s
        body["options"] = tuple(
            {option.name: option for option in Adopted.options + tuple(legacy.options)}.values()
        )
    return type(legacy.__name__, (Adopted,), body)


def refuse_the_gone(path: str) -> None:
    """UsageError when a file uses insides of Pilot 2. One that cannot be parsed is left to the
    import, which says where."""
    with open(path, encoding="utf-8", errors="replace") as stream:
        text = stream.read()
    try:
        tree = ast.parse(text, path)
    except SyntaxError:
        return
    own = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    own |= {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)
    }
    for node in ast.walk(tree):
        word = node.attr if isinstance(node, ast.Attribute) else ""
        if word in GONE and word not in own:
            raise UsageError(
                "%s, line %d: %s is of DIRAC's Pilot 2 and has had no counterpart since; override execute() instead"
                % (path, getattr(node, "lineno", 0), word)
            )

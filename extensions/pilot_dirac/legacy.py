"""Runs communities' modules that were written for DIRAC's pilot, unchanged: <Extension>Commands.py
beside the pilot.

They import pilotTools and pilotCommands (or Pilot.pilotTools ...), which faces.py defines.
"""

import ast
import importlib
import importlib.util
import inspect
import logging
import sys
import types
from typing import Any, Dict, List, Optional, Tuple, Type

from pilot.engine import adoption, runner, search
from pilot.command import Command
from pilot.context import Context
from pilot.errors import ConfigurationFailed, UsageError

from . import faces
from .dialect import BrokenModules
from .command import DiracCommand, begin_command, perform_step
from .module_environ import module_environ
from .options import TABLE
from .standalone import EXECUTE
from .plan_changes import KNOWN, refuse_removed, run_added

log = logging.getLogger("pilot")
SUFFIX = "Commands"
LIMIT_S = 4 * 3600.0  # a community's step may install software
OURS = ("pilot_dirac.", "pilot.")
# internal names of Pilot 2 that no longer exist
GONE = (
    "_setInstallOptions",
    "installOpts",
    "_locateInstallationScript",
    "_installDIRAC",
    "gitRepos",
)


class Adopted(Command):
    """A command of a community's module."""

    options = tuple(TABLE.values()) + EXECUTE
    legacy: Any = None  # a class of the community: whatever has execute()

    def run(self, ctx: Context) -> Tuple[object, ...]:
        pp = begin_command(ctx)
        refuse_removed(pp, self.name)
        with module_environ(pp):
            step = self.legacy(pp)
            perform_step(pp, self, step.execute)
        for fact in getattr(step, "found", ()):
            runner.keep(self.name, ctx, fact)
        run_added(pp, self.name)
        return ()


def adopt(name: str) -> Optional[types.ModuleType]:
    """The engine's hook: the module of -E NAME by DIRAC's rule, with COMMANDS; else our own package
    for that community; else, as in DIRAC, a module without commands, which the engine reports.

    The exception of a module that cannot be imported passes through, unless --skip-broken-modules
    leaves the module out. A module for Pilot 2 is a UsageError with file and line.
    """
    faces.install_faces()
    try:
        return _adopt_module(name)
    except Exception as error:  # of whatever the community wrote
        if not BrokenModules.are_skipped:
            raise
        log.error("-E %s is left out: %s", name, adoption.tell_cause(error))
        return _make_module(name, "", ())


def _adopt_module(name: str) -> Optional[types.ModuleType]:
    # the communities' modules import one another
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
    KNOWN.update((one.name, one) for one in classes)
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
    """The classes with execute() that are not ours, including those that the module imports from
    other modules of the community."""
    return [
        item
        for item in vars(module).values()
        if inspect.isclass(item)
        and callable(getattr(item, "execute", None))
        and not item.__module__.startswith(OURS)
    ]


def adopt_class(legacy: type) -> Type[Command]:
    """A command class of the engine that runs this class."""
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
    """Raise UsageError when a file uses internal names of Pilot 2. A file that cannot be parsed
    passes: its import reports the line."""
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
                "%s, line %d: %s is of DIRAC's Pilot 2 and has had no counterpart since; "
                "override execute() instead"
                % (path, getattr(node, "lineno", 0), word)
            )

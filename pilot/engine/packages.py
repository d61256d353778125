"""Loads packages of commands: the toolbox and the extensions, each from its permitted places."""

import importlib
import importlib.util
import os
import sys
from typing import (
    TYPE_CHECKING,
    Any,
    Callable,
    Dict,
    Iterable,
    List,
    NamedTuple,
    Optional,
    Sequence,
    Tuple,
    Type,
)

from pilot.command import Command
from pilot.engine.program import EXTENSION_PATH, EXTENSION_PREFIX, root
from pilot.errors import UsageError
from pilot.values import Option

if TYPE_CHECKING:
    from pilot.engine.site_profile import Profile, Where

TOOLBOX = "commands"
ProfileReader = Callable[[Dict[str, object], "Where", str], "Optional[Profile]"]


class Dialect(NamedTuple):
    """A community's own command line, translated into the engine's words and environment, and notes
    for the log."""

    words: List[str]
    environ: Dict[str, str]
    notes: Tuple[str, ...] = ()


class Package(NamedTuple):
    """A loaded package of commands. What it may have besides COMMANDS, each by its name in the
    package:

    USUAL_PLAN: its own order for a run without -X
    OPTIONS: what may be set besides the options of its commands
    dialect(words, environ, options) -> Dialect: reads a command line that is not the engine's
    profile(data, where, name) -> Profile or None: reads a pilot.json that is not in the
        toolbox's layout
    adopt(name) -> module or None: the commands that another program calls so, for an -E that is no
        package of ours
    transports(settings, environ, pilot_id) -> [Transport]: further places for the pilot's story
    help() -> text: what --help says of a command line that is not the engine's
    POOLS = {scheme: open(url, create, environ) -> Pool}: read by pilot/pool/open.py, which looks for
        a scheme in the package pilot_SCHEME
    """

    name: str
    file: str
    commands: Tuple[Type[Command], ...]
    usual: Tuple[str, ...] = ()
    options: Tuple[Option, ...] = ()
    dialect: Optional[Callable[[Sequence[str], Dict[str, str], Sequence[Option]], Dialect]] = None
    profile: Optional[ProfileReader] = None
    adopt: Optional[Callable[[str], Any]] = None
    transports: Optional[Callable[[Any, Dict[str, str], str], Sequence[Any]]] = None
    help: Optional[Callable[[], str]] = None
    adopted: bool = False  # its commands may have the names of commands that they do not subclass


class UnknownPackage(UsageError):
    """No package has the name of an extension."""


def community_of(extensions: Iterable[str]) -> Optional[Package]:
    """The first of these packages that reads its own command line or pilot.json; only packages up
    to it are loaded."""
    for name in extensions:
        if _is_there(EXTENSION_PREFIX + name):
            package = _import(EXTENSION_PREFIX + name, "-E " + name)
            if package.dialect is not None or package.profile is not None:
                return package
    return None


def load(extensions: Iterable[str], notes: Optional[List[str]] = None) -> List[Package]:
    """Import the extensions in the order given, then the toolbox. Adds problems to `told`, or
    raises them as one UsageError. Searches the roots that `search.opened` has set."""
    found: Dict[str, Package] = {}
    strangers: Dict[str, UnknownPackage] = {}
    problems: List[str] = []
    for name in extensions:
        try:
            found[name] = _import(EXTENSION_PREFIX + name, "-E " + name)
        except UnknownPackage as error:
            strangers[name] = error
        except UsageError as error:
            problems += error.problems
    for name, missing in strangers.items():
        try:
            from pilot.engine import adoption

            found[name] = adoption.adopt_module(name, list(found.values()), missing)
        except UsageError as error:
            problems += error.problems
    packages = [found[name] for name in extensions if name in found] + [toolbox()]
    problems += _collisions(packages)
    if problems and notes is None:
        raise UsageError(*problems)
    if notes is not None:
        notes += problems
    return packages


def _is_there(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):  # a name with dots: the load reports it
        return False


def toolbox() -> Package:
    """Our own commands. UsageError when another package of that name hides them."""
    refuse_foreign(TOOLBOX)
    return _import(TOOLBOX, "the toolbox")


def refuse_foreign(name: str) -> None:
    """Raise UsageError, without running it, when package `name` is not beside the engine."""
    home = root()
    spec = importlib.util.find_spec(name)
    origin = spec.origin if spec and spec.origin else ""
    if os.path.dirname(os.path.dirname(os.path.abspath(origin))) != home:
        raise UsageError(
            "the package %r beside the pilot is hidden by %s: move that away or start elsewhere"
            % (name, origin or "nothing")
        )


def _import(module: str, asked: str) -> Package:
    try:
        loaded = importlib.import_module(module)
    except ImportError as error:
        if error.name == module:
            from pilot.engine import search

            refused = "".join("; passed over: " + why for why in search.current().refused)
            raise UnknownPackage(
                "%s: there is no package %s in extensions/, here, $%s or site-packages%s"
                % (asked, module, EXTENSION_PATH, refused)
            )
        raise UsageError("%s: %s" % (asked, _tell_cause(error, module)))
    # any error at import time is the extension's: report it with its cause
    except Exception as error:
        raise UsageError("%s: %s" % (asked, _tell_cause(error, module)))
    return make_package(loaded, module, asked)


def make_package(module: Any, name: str, asked: str) -> Package:
    """The package of a module; UsageError when the module has no commands."""
    commands = getattr(module, "COMMANDS", None)
    if not isinstance(commands, tuple) or not all(
        isinstance(c, type) and issubclass(c, Command) for c in commands
    ):
        raise UsageError(
            "%s: %s has no COMMANDS = (Class, ...) of Command classes" % (asked, module.__file__)
        )
    nameless = [c.__name__ for c in commands if not c.name]
    if nameless:
        raise UsageError("%s: %s: %s has no name" % (asked, module.__file__, ", ".join(nameless)))
    for option in sum((c.options for c in commands), ()):
        if not option.name.isidentifier():
            raise UsageError(
                "%s: %s: an option is named as a variable: option_name, which is --option-name, not %r"
                % (asked, module.__file__, option.name)
            )
    return Package(
        name,
        module.__file__ or "",
        commands,
        tuple(getattr(module, "USUAL_PLAN", ())),
        tuple(getattr(module, "OPTIONS", ())),
        getattr(module, "dialect", None),
        getattr(module, "profile", None),
        getattr(module, "adopt", None),
        getattr(module, "transports", None),
        getattr(module, "help", None),
    )


def _tell_cause(error: BaseException, module: str) -> str:
    from pilot.engine import adoption  # only after a failed import

    return adoption.tell_cause(error, module)


def source_file(command: Type[Command]) -> str:
    """The file a command class was written in."""
    return getattr(sys.modules.get(command.__module__), "__file__", None) or command.__module__


def _collisions(packages: List[Package]) -> List[str]:
    problems = []
    seen: Dict[str, Tuple[Type[Command], Package]] = {}
    for package in packages:
        for command in package.commands:
            first, owner = seen.setdefault(command.name, (command, package))
            if first is not command and not issubclass(first, command) and not owner.adopted:
                problems.append(
                    "two commands are called %s: %s and %s; an override must subclass what it overrides"
                    % (command.name, source_file(first), source_file(command))
                )
    return problems

"""This program's own files: a checkout, a zip, or one text script, and how to start its modules in
a child."""

import os
from typing import Any, Dict, Iterable, List, Optional

from pilot.errors import UsageError, lacking

RUN_MODULE = "-m"
EXTENSION_PREFIX = "pilot_"
EXTENSION_PATH = "PILOT_EXTENSION_PATH"  # further folders that hold extensions
OPERATORS = ("pilot.pool", "pilot.bundle", "pilot.factory", "pilot.ship", "pilot.manual")
PACKAGES = ("pilot.agent", "pilot.pool")  # of what -m may start
MODULES = ("pilot.agent", "pilot.agent.transfer", "pilot.agent.warden") + OPERATORS


def root() -> str:
    """The folder, zip or script that holds the `pilot` package."""
    return os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def embedded_files() -> Optional[Dict[str, bytes]]:
    """The files inside a text script by name, or None in a checkout or a zip."""
    loader: object = globals().get("__loader__")
    files: Optional[Dict[str, bytes]] = getattr(loader, "pilot_files", None)
    return files


def has(module: str) -> bool:
    """Whether this file has that part of the program: a lean one lacks some."""
    import importlib.util  # a pilot that does not call this saves the import

    return importlib.util.find_spec(module) is not None


def load(names: Iterable[str]) -> None:
    """Import these modules now, because the program's file may vanish while the pilot runs. A
    module that a lean file or Python lacks may not be needed: the code that needs it reports the
    error."""
    import importlib

    for name in names:
        try:
            if has(name.rpartition(".")[0]) and has(name):
                importlib.import_module(name)
        except ImportError as error:
            if not lacking(error):
                raise


def load_part(module: str, option: str) -> Any:
    """Import the module of one option. UsageError in a lean file, which does not have it."""
    import importlib

    try:
        return importlib.import_module("pilot.engine." + module)
    except ImportError:
        raise UsageError("this file has no --%s: it was made with pilot.bundle --lean" % option)


def start_argv(module: str, workdir: str) -> List[str]:
    """The command line that runs one of our modules; a script that was read from a pipe is first
    stored in the workdir."""
    place = root()
    if os.path.isdir(place):
        entry = os.path.join(place, "pilot", "__main__.py")
    elif os.path.isfile(place):
        entry = place
    else:
        entry = _store(workdir)
    from pilot.base.python import interpreter  # only to start a child

    return [interpreter(), entry, RUN_MODULE, module]


def _store(workdir: str) -> str:
    from pilot.engine import onefile  # only when our own file does not exist on disk

    files = embedded_files()
    if files is None:
        raise RuntimeError("%s no longer exists: the pilot needs its own file" % root())
    path = os.path.join(workdir, "pilot-%d.pyz" % os.getpid())
    onefile.write_program(path, onefile.zip_bytes(files))
    return path

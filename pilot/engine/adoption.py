"""Handles a name in -E that is no package pilot_*: commands that another package reads, and the
reason why a module could not be imported."""

from typing import Sequence

from pilot.engine.packages import Package, UnknownPackage, make_package
from pilot.errors import UsageError


def adopt_module(name: str, packages: Sequence[Package], missing: UnknownPackage) -> Package:
    """The package that another package makes for a name; raises `missing` when none does."""
    for package in packages:
        if package.adopt is not None:
            try:
                module = package.adopt(name)
            except UsageError:
                raise
            except Exception as error:  # at import time: the message names the place
                raise UsageError("-E %s: %s" % (name, tell_cause(error)))
            if module is not None:
                package = make_package(module, module.__name__, "-E " + name)
                return package._replace(adopted=True)
    raise missing


def tell_cause(error: BaseException, module: str = "") -> str:
    """Why the import failed: file, line and reason; the place inside `module`, or else the
    innermost one."""
    place = ""
    if isinstance(error, SyntaxError) and error.filename:
        place = "%s, line %s: " % (error.filename, error.lineno)
    else:
        trace = error.__traceback__
        while trace is not None:
            name = trace.tb_frame.f_globals.get("__name__") or ""
            if (
                not module
                and not name.startswith("importlib")
                or name == module
                or name.startswith(module + ".")
            ):
                place = "%s, line %d: " % (trace.tb_frame.f_code.co_filename, trace.tb_lineno)
            trace = trace.tb_next
    reason = error.msg if isinstance(error, SyntaxError) else str(error)
    return "%s%s: %s" % (place, type(error).__name__, reason)

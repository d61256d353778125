"""The environment of communities' modules: while one runs, `os.environ` is the environment of DIRAC's
programs, as in DIRAC's pilot; what the module changes there, or in `pp.installEnv`, is in that
environment afterwards (docs/adr/0014-the-environment-of-modules.md)."""

import os
from contextlib import contextmanager
from typing import Dict, Iterator

from .params import PilotParams


@contextmanager
def module_environ(pp: PilotParams) -> Iterator[None]:
    """Inside, os.environ is a copy of `pp.installEnv`; afterwards it is the pilot's own again."""
    ours = dict(os.environ)
    pp.module_environ = dict(pp.installEnv)
    _replace_environ(pp.module_environ)
    try:
        yield
    finally:
        settle_changes(pp)
        pp.module_environ = None
        _replace_environ(ours)


def settle_changes(pp: PilotParams) -> None:
    """Put what the running module has changed so far into `pp.installEnv`, the same object where it
    is a dict, and into os.environ. Without a running module there is nothing to do."""
    given = pp.module_environ
    if given is None:
        return
    merged = merge_changes(given, dict(os.environ), dict(pp.installEnv))
    pp.module_changes.update(
        {name: text for name, text in merged.items() if given.get(name) != text}
    )
    if isinstance(pp.installEnv, dict):
        pp.installEnv.clear()
        pp.installEnv.update(merged)
    else:  # os.environ itself
        pp.installEnv = merged
    _begin_with(pp, merged)


def set_environ(pp: PilotParams, environ: Dict[str, str]) -> None:
    """The environment of DIRAC's programs from now on, for the running module as well."""
    pp.installEnv = dict(environ)
    if pp.module_environ is not None:
        _begin_with(pp, environ)


def _begin_with(pp: PilotParams, environ: Dict[str, str]) -> None:
    pp.module_environ = dict(environ)
    _replace_environ(environ)


def merge_changes(
    given: Dict[str, str], environ: Dict[str, str], own: Dict[str, str]
) -> Dict[str, str]:
    """The environment after a module that had `given` as os.environ and as pp.installEnv, and left
    these two: what it changed in pp.installEnv counts before what it changed in os.environ."""
    merged = dict(own)
    for name in set(given) | set(environ):
        if own.get(name) != given.get(name) or environ.get(name) == given.get(name):
            continue
        if name in environ:
            merged[name] = environ[name]
        else:
            merged.pop(name, None)
    return {name: str(text) for name, text in merged.items()}


def _replace_environ(values: Dict[str, str]) -> None:
    for name in [name for name in os.environ if name not in values]:
        del os.environ[name]
    os.environ.update(values)

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
    ours, given = dict(os.environ), dict(pp.installEnv)
    _replace_environ(given)
    pp.in_module = True
    try:
        yield
    finally:
        pp.in_module = False
        merged = merge_changes(given, dict(os.environ), dict(pp.installEnv))
        changed = {name: text for name, text in merged.items() if given.get(name) != text}
        pp.installEnv = merged
        pp.module_changes.update(changed)
        _replace_environ(ours)


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

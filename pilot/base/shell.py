"""The environment that a shell script sets: how software on CVMFS and elsewhere is made usable."""

import os
from typing import Dict, List

from pilot.errors import StepFailed
from pilot.base.process import run


def shell_environ(script: List[str], environ: Dict[str, str], timeout_s: float) -> Dict[str, str]:
    """The environment after sourcing a script with its arguments in bash; ProgramFailed if it
    fails.

    The variables come NUL-separated behind a mark, so values may hold anything and what the script
    prints cannot be taken for a variable.
    """
    mark = "pilot-environment-%d" % os.getpid()
    text = 'source "$@" >&2 || exit $?; printf "%s\\0" "$0"; exec env -0'
    result = run(["bash", "-c", text, mark] + script, timeout_s=timeout_s, environ=environ)
    head, marked, found = result.stdout.partition(mark + "\0")
    if not marked:
        raise StepFailed(
            "%s ended before its environment could be read (does it say exit?)" % script[0]
        )
    pairs = (item.partition("=") for item in found.split("\0") if "=" in item)
    return {name: value for name, _, value in pairs if name not in ("_", "SHLVL", "PWD", "OLDPWD")}

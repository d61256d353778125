"""Reads the environment that a shell script sets, to make software usable, on CVMFS and
elsewhere."""

import os
from typing import Dict, List

from pilot.errors import StepFailed
from pilot.base.process import run


def shell_environ(script: List[str], environ: Dict[str, str], timeout_s: float) -> Dict[str, str]:
    """The environment after bash sources a script with its arguments. Raises ProgramFailed if the
    script fails, StepFailed if it ends bash.

    The variables are separated by NUL bytes and follow a mark: values may contain any character,
    and the output of the script cannot be mistaken for a variable.
    """
    mark = "pilot-environment-%d" % os.getpid()
    text = 'source "$@" >&2 || exit $?; printf "%s\\0" "$0"; exec env -0'
    result = run(["bash", "-c", text, mark] + script, timeout_s=timeout_s, environ=environ)
    head, marked, dump = result.stdout.partition(mark + "\0")
    if not marked:
        raise StepFailed(
            "%s ended before its environment could be read (does it say exit?)" % script[0]
        )
    pairs = (item.partition("=") for item in dump.split("\0") if "=" in item)
    return {name: value for name, _, value in pairs if name not in ("_", "SHLVL", "PWD", "OLDPWD")}

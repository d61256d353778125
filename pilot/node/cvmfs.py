"""Checks whether CVMFS repositories can be read. A child process reads them, because CVMFS can hang
and a child can be killed."""

from typing import Dict, NamedTuple, Sequence

from pilot.base import process
from pilot.base.python import interpreter

MOUNT = "/cvmfs/"
# the first access mounts the repository (autofs): the child reads it and does not search the
# listing of /cvmfs
_CODE = """
import os, sys
path = sys.argv[1]
names = os.listdir(path)
try:
    revision = os.getxattr(path, "user.revision").decode()
except OSError:
    revision = "?"
print(len(names), revision)
sys.exit(0 if names else 3)
"""


class Repository(NamedTuple):
    """One repository: whether it can be read, the reason if not, and its revision ("?" if
    attributes are hidden)."""

    name: str
    ok: bool
    reason: str
    revision: str
    seconds: float


def check(name: str, timeout_s: float, environ: Dict[str, str], mount: str = MOUNT) -> Repository:
    """Read the top folder of a repository. A child that hangs is killed; if that fails, it is left
    behind."""
    argv = [interpreter(), "-S", "-c", _CODE, mount + name]
    result = process.run(argv, timeout_s=timeout_s, ok=None, environ=environ, grace_s=0.5)
    return judge(name, result)


def judge(name: str, result: process.Result) -> Repository:
    """The state of the repository, from the result of the child."""
    words = result.stdout.split()
    if result.timed_out:
        return Repository(
            name, False, "hangs: no answer after %.0f s" % result.seconds, "?", result.seconds
        )
    if result.exit_code == 3:
        return Repository(name, False, "is empty: not mounted", "?", result.seconds)
    if "FileNotFoundError" in result.stderr:
        return Repository(
            name, False, "is not there: neither mounted nor known to autofs", "?", result.seconds
        )
    if result.exit_code != 0 or len(words) != 2:
        return Repository(
            name, False, result.last_lines(1) or "cannot be read", "?", result.seconds
        )
    return Repository(name, True, "", words[1], result.seconds)


def unreadable(repositories: Sequence[Repository]) -> str:
    """One sentence about the repositories that cannot be read; an empty string if all can."""
    bad = [
        "%s %s" % (repository.name, repository.reason)
        for repository in repositories
        if not repository.ok
    ]
    return "CVMFS: " + "; ".join(bad) if bad else ""

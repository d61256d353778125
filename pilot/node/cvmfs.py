"""Whether CVMFS repositories can be read, asked by a child that can be killed: CVMFS is known to
hang."""

from typing import Dict, NamedTuple, Sequence

from pilot.base import process
from pilot.base.python import interpreter

MOUNT = "/cvmfs/"
# the first access mounts the repository (autofs), so it is read, never looked for in the listing of
# /cvmfs
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
    """One repository: readable or not, why not, its revision ("?" where attributes are hidden)."""

    name: str
    ok: bool
    reason: str
    revision: str
    seconds: float


def check(name: str, timeout_s: float, environ: Dict[str, str], mount: str = MOUNT) -> Repository:
    """Read a repository's top folder; a child that hangs is killed, and left if it cannot be."""
    argv = [interpreter(), "-S", "-c", _CODE, mount + name]
    result = process.run(argv, timeout_s=timeout_s, ok=None, environ=environ, grace_s=0.5)
    return judge(name, result)


def judge(name: str, result: process.Result) -> Repository:
    """What the child's end says of the repository."""
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
    """One sentence about those that cannot be read, "" when all can."""
    bad = [
        "%s %s" % (repository.name, repository.reason)
        for repository in repositories
        if not repository.ok
    ]
    return "CVMFS: " + "; ".join(bad) if bad else ""

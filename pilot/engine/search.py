"""Finds extensions: only packages pilot_*, and none that another user owns or may write.

No folder of the job is put on sys.path: the standard library tries to import modules that Linux
does not have (msvcrt), and a user who can write such a folder could run code as the pilot.
"""

import os
import stat
import sys
from importlib.machinery import ModuleSpec, PathFinder
from typing import Dict, List, NamedTuple, Optional, Sequence

from pilot.engine.program import EXTENSION_PATH, EXTENSION_PREFIX, root


class Root(NamedTuple):
    """A folder that may hold extensions; `named` when an operator named it: then another user may
    own it (CVMFS, a software area)."""

    path: str
    named: bool = False


def usual_roots(program: str, cwd: str, environ: Dict[str, str]) -> List[Root]:
    """The folders that may hold extensions, besides the bundle and site-packages; `program` is the
    checkout or the one file."""
    extra = environ.get(EXTENSION_PATH, "").split(os.pathsep)
    beside = [os.path.dirname(program)] if os.path.isfile(program) else []
    roots = [Root(os.path.join(program, "extensions"), True), Root(cwd)] + [
        Root(path) for path in beside
    ]
    return roots + [Root(part, True) for part in extra if part]


class ExtensionFinder:
    """A finder (importlib's protocol) for sys.meta_path; `refused` has a sentence for each package
    that it skipped."""

    def __init__(self, roots: Sequence[Root]) -> None:
        self.roots, self.refused = tuple(roots), []  # type: Sequence[Root], List[str]

    def find_spec(self, name: str, path: object = None, target: object = None) -> Optional[ModuleSpec]:
        """The first package of this name that may be loaded."""
        if path is not None or not name.startswith(EXTENSION_PREFIX):
            return None
        for place in self.roots:
            spec = PathFinder.find_spec(name, [place.path])
            if spec is None or not spec.origin:
                continue
            why = doubt(spec.origin, place)
            if not why:
                return spec
            if why not in self.refused:
                self.refused.append(why)
        return None

    def folders(self) -> List[str]:
        """The roots that no other user can write."""
        return [
            root.path
            for root in self.roots
            if os.path.isdir(root.path) and not _doubt(root.path, root.named, False)
        ]


def opened(roots: Sequence[Root]) -> ExtensionFinder:
    """Search these roots from now on; returns the finder."""
    sys.meta_path[:] = [one for one in sys.meta_path if not isinstance(one, ExtensionFinder)]
    finder = ExtensionFinder(roots)
    sys.meta_path.append(finder)
    return finder


def current() -> ExtensionFinder:
    """The current finder; before `opened`, one without roots."""
    return next(
        (one for one in sys.meta_path if isinstance(one, ExtensionFinder)), ExtensionFinder(())
    )


def doubt(path: str, root: Root = Root("")) -> str:
    """Why a file, or its folder, is not trusted: a sentence; "" when it is trusted."""
    return _doubt(path, root.named, False) or _doubt(
        os.path.dirname(os.path.abspath(path)), root.named, True
    )


def _doubt(path: str, named: bool, sticky_will_do: bool) -> str:
    try:
        status = os.stat(path)
    except OSError as error:
        return "%s: %s" % (path, error.strerror)
    trusted = {0, os.geteuid(), _owner_of_program()}
    sticky = sticky_will_do and status.st_mode & stat.S_ISVTX
    if status.st_uid not in trusted and not named:
        return "%s belongs to another user (uid %d)" % (path, status.st_uid)
    if status.st_mode & stat.S_IWOTH and not sticky:
        return "%s may be written by anybody" % path
    if (
        status.st_mode & stat.S_IWGRP
        and not named
        and not sticky
        and status.st_gid != 0
        and status.st_gid != status.st_uid
    ):
        return (
            ""
            if _is_private_group(status.st_uid, status.st_gid)
            else "%s may be written by its group" % path
        )
    return ""


def _owner_of_program() -> int:
    """The users who may own an extension: the owner of our own files could add others to them."""
    place = root()
    try:
        return os.stat(place).st_uid
    except OSError:
        return os.geteuid()


def _is_private_group(uid: int, gid: int) -> bool:
    import grp
    import pwd

    try:
        return pwd.getpwuid(uid).pw_name == grp.getgrgid(gid).gr_name
    except KeyError:
        return False

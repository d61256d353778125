"""The files that the name of an output stands for: one file, a folder with all its files, or the
matches of a glob.

The payload made these files, so this module trusts nothing in them: it follows links only to files
inside the task's folder, never enters a folder through a link, and limits the number of files,
names and entries.
"""

import fnmatch
import os
from typing import Iterator, List, NamedTuple

from pilot.errors import StepFailed

MAX_FILES = 1000  # of one task; the pool stores a row of facts with each
MAX_NAMES = 200000  # characters of all their names
MAX_LOOKED_AT = 100000  # folder entries that the walk reads
MAX_DEPTH = 100  # nesting depth of folders
MAGIC = "*?["


class TransferFailed(StepFailed):
    """A file could not be copied in or out: which, where, why."""


class Made(NamedTuple):
    """A file that the payload made: its name in the task's folder, and the suffix for the output's
    URL ("" for the file itself)."""

    name: str
    below: str


def find_outputs(name: str, folder: str) -> List[Made]:
    """The regular files that `name` stands for in a task's folder, sorted by name; empty when the
    payload made no such file.

    A file of exactly this name takes precedence over a folder, and a folder over a glob (`*`, `?`,
    `[a-z]`, and `**` for any depth, as in a shell: only a dot matches a leading dot). The names of
    files in a folder are relative to it; those of a glob start at its first part with a wildcard.
    Raises TransferFailed when something in a folder is no file of the task, or when a limit is
    passed.
    """
    walk = _Walk(folder)
    path = os.path.normpath(name)
    if not name.endswith("/") and walk.is_own_file(path):
        return [Made(path, "")]
    if walk.is_own_folder(path):
        made = [Made(one, os.path.relpath(one, path)) for one in walk.files(path)]
    elif any(sign in path for sign in MAGIC):
        parts = path.split(os.sep)
        plain = next(
            number for number, part in enumerate(parts) if any(sign in part for sign in MAGIC)
        )
        start = os.path.join(*parts[:plain]) if plain else ""
        names = {
            one
            for match in walk.matching(start or ".", parts[plain:])
            for one in walk.all_of(match)
        }
        made = [Made(one, os.path.relpath(one, start or ".")) for one in names]
    else:
        made = []
    return sorted(made)


def check_total(made: List[Made]) -> None:
    """TransferFailed when a task has too many outputs, or when a name is not UTF-8."""
    if len(made) > MAX_FILES or sum(len(one.name) for one in made) > MAX_NAMES:
        raise TransferFailed(
            "the outputs are %d files, more than a task may bring out (%d, %d characters of names): "
            "let the payload pack them into an archive" % (len(made), MAX_FILES, MAX_NAMES)
        )
    for one in made:
        try:
            one.name.encode("utf-8")
        except UnicodeEncodeError:
            raise TransferFailed("the file name %a of an output is not UTF-8" % one.name)


class _Walk:
    """Walks one task's folder; names are relative to it."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        # the folder's own name is not resolved: the payload may have replaced the folder by a link
        self._home = os.path.join(
            os.path.realpath(os.path.dirname(folder)), os.path.basename(folder)
        )
        self._looked_at = 0

    def is_own_file(self, name: str) -> bool:
        """Whether this is a regular file that, links followed, is in the folder. A payload must not
        make us copy /etc/shadow, or block on a pipe."""
        real = self._real_path(name)
        return bool(real) and os.path.isfile(real)

    def is_own_folder(self, name: str) -> bool:
        """Whether this is a folder in the task's folder, or that folder itself."""
        real = self._real_path(name)
        return bool(real) and os.path.isdir(real)

    def _real_path(self, name: str) -> str:
        real = os.path.realpath(os.path.join(self._folder, name))
        inside = real == self._home or real.startswith(self._home + os.sep)
        return real if inside and not os.path.islink(self._folder) else ""

    def files(self, name: str) -> Iterator[str]:
        """All files below a folder. The walk does not enter a link to a folder: its target has its
        own name."""
        waiting = [name]
        while waiting:
            place = waiting.pop()
            for entry in self._list_entries(place):
                path = os.path.normpath(os.path.join(place, entry.name))
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(path)
                elif self.is_own_file(path):
                    yield path
                elif not self.is_own_folder(path):
                    raise TransferFailed(
                        "the output %s: %s is no file of the task's folder (a link that leads out of it or nowhere, "
                        "a pipe or a socket)" % (name, path)
                    )

    def all_of(self, match: str) -> Iterator[str]:
        """The file that matched, or all files of the folder that matched."""
        if self.is_own_file(match):
            yield match
        elif self.is_own_folder(match) and not os.path.islink(os.path.join(self._folder, match)):
            yield from self.files(match)

    def matching(self, place: str, parts: List[str]) -> Iterator[str]:
        """The names below a folder that match, part by part."""
        if not self.is_own_folder(place):
            return
        part, rest = parts[0], parts[1:]
        if part == "**":
            yield from self.matching(place, rest or ["*"])
        for entry in self._list_entries(place):
            path = os.path.normpath(os.path.join(place, entry.name))
            below = entry.is_dir(follow_symlinks=False)
            if part == "**":
                if below and not entry.name.startswith("."):
                    yield from self.matching(path, parts)
            elif fnmatch.fnmatchcase(entry.name, part) and (
                part.startswith(".") or not entry.name.startswith(".")
            ):
                if not rest:
                    yield path
                elif below:
                    yield from self.matching(path, rest)

    def _list_entries(self, place: str) -> List["os.DirEntry[str]"]:
        if place.count(os.sep) >= MAX_DEPTH:
            raise TransferFailed(
                "the outputs of this task are nested in more than %d folders" % MAX_DEPTH
            )
        with os.scandir(os.path.join(self._folder, place)) as entries:
            files = []
            for entry in entries:
                self._looked_at += 1
                if self._looked_at > MAX_LOOKED_AT:
                    raise TransferFailed(
                        "the outputs of this task are among more than %d files and folders"
                        % MAX_LOOKED_AT
                    )
                files.append(entry)
        return files

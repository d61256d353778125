"""Removes a folder that a payload filled: any depth, any names, any modes; links are not
followed."""

import os
import stat
from typing import List


def remove_tree(folder: str) -> None:
    """Remove a folder and its content. Entries that cannot be removed stay; the function raises
    nothing.

    It moves folders up to the first level before it empties them: no path gets longer than the
    kernel accepts, however deep the folders are nested, and the function needs no recursion.
    """
    try:
        if not stat.S_ISDIR(os.lstat(folder).st_mode):
            return os.unlink(folder)
        _empty_folder(folder)
        os.rmdir(folder)
    except OSError:
        pass


def _empty_folder(folder: str) -> None:
    raised = 0
    below = _remove_files(folder)
    while below:
        child = below.pop()
        for deeper in _remove_files(child):
            raised += 1
            target = os.path.join(folder, ".removed-%d-%d" % (os.getpid(), raised))
            try:
                # moving a folder changes its "..", which needs the right to write into it
                os.chmod(deeper, 0o700)
                os.rename(deeper, target)
                below.append(target)
            except OSError:  # the new name exists already, or the folder is a mount point
                continue
        try:
            os.rmdir(child)
        except OSError:
            continue


def _remove_files(folder: str) -> List[str]:
    """Remove the entries that are no folders; returns the folders."""
    below = []
    try:
        os.chmod(folder, 0o700)
        with os.scandir(folder) as entries:
            names = [(entry.path, entry.is_dir(follow_symlinks=False)) for entry in entries]
    except OSError:
        return []
    for path, is_folder in names:
        if is_folder:
            below.append(path)
            continue
        try:
            os.unlink(path)
        except OSError:
            continue
    return below

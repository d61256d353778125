"""Removes a folder whatever a payload made of it: any depth, any names, any modes; links are not
followed."""

import os
import stat
from typing import List


def remove_tree(folder: str) -> None:
    """Remove a folder and all in it. What cannot be removed stays; nothing is raised.

    Folders are brought up to the first level before they are emptied: no path gets longer than the
    kernel takes, however deep they were nested, and nothing here calls itself.
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
                os.chmod(deeper, 0o700)  # who moves a folder changes it
                os.rename(deeper, target)
                below.append(target)
            except OSError:  # its name is taken, or it is mounted
                continue
        try:
            os.rmdir(child)
        except OSError:
            continue


def _remove_files(folder: str) -> List[str]:
    """Removes what is no folder; returns the folders."""
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

"""How the agent isolates a payload: the arguments that it puts before the payload's own. Pure
functions."""

import os
import shutil
from typing import Callable, Dict, List, NamedTuple, Optional, Tuple

APPTAINERS = ("/cvmfs/oasis.opensciencegrid.org/mis/apptainer/bin/apptainer",)

Which = Callable[[str], Optional[str]]


def which_in(environ: Dict[str, str]) -> Which:
    """A function that looks up programs on this environment's PATH."""
    return lambda name: shutil.which(name, path=environ.get("PATH"))


def find_apptainer(which: Which) -> Optional[str]:
    """The path of apptainer or singularity, on PATH or in CVMFS."""
    program = which("apptainer") or which("singularity")
    return program or next((path for path in APPTAINERS if os.access(path, os.X_OK)), None)


def choose_way(asked: str, which: Which, user_namespaces: bool) -> str:
    """The method of isolation on this node: "auto" takes the best one that works; a named method
    must work.

    Raises ValueError with a sentence when it does not.
    """
    there = {
        "none": True,
        "bubblewrap": bool(which("bwrap")) and user_namespaces,
        "unshare": bool(which("unshare")) and user_namespaces,
        "apptainer": bool(find_apptainer(which)),
    }
    if asked == "auto":
        return next(way for way in ("bubblewrap", "unshare", "none") if there[way])
    if not there[asked]:
        raise ValueError(
            "isolation %s is asked for, but this node has no %s"
            % (
                asked,
                "user namespaces or no bwrap or unshare" if asked != "apptainer" else "apptainer",
            )
        )
    return asked


class Wall(NamedTuple):
    """The isolation of a payload: the method, its container if the task names one, and the files
    that the payload must not read."""

    way: str
    container: Optional[str] = None
    hidden: Tuple[str, ...] = ()


class Folders(NamedTuple):
    """The folders that a payload may write to, and its script ("" without one), which it may only
    read."""

    work: str
    tmp: str
    script: str = ""


def wrap_argv(argv: List[str], wall: Wall, folders: Folders, which: Which) -> List[str]:
    """The payload's arguments with those of the isolation before them."""
    if wall.container:
        words = [find_apptainer(which) or "apptainer"] + "exec --userns --contain --pid".split()
        words += ["--bind", folders.work, "--bind", folders.tmp]
        words += ["--bind", folders.script + ":" + folders.script + ":ro"] if folders.script else []
        return words + ["--pwd", folders.work, wall.container] + argv
    if wall.way == "bubblewrap":
        words = "bwrap --die-with-parent --unshare-user --unshare-pid --unshare-ipc".split()
        words += "--ro-bind / / --dev /dev --proc /proc --tmpfs /tmp".split()
        for path in wall.hidden:
            words += ["--ro-bind", "/dev/null", path] if not path.startswith("/tmp/") else []
        words += ["--bind", folders.work, folders.work, "--bind", folders.tmp, folders.tmp]
        words += ["--ro-bind", folders.script, folders.script] if folders.script else []
        return words + ["--chdir", folders.work] + argv
    if wall.way == "unshare":
        words = "unshare --user --map-root-user --pid --fork --kill-child --mount-proc".split()
        return words + argv
    return argv

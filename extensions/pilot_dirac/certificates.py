"""Finds the CAs' certificates and VOMS' files: in the places that the site names, then on CVMFS,
which may hang."""

import os
from typing import Dict, List

from pilot.base import process

from .log import Logger
from .params import PilotParams

KINDS = (("X509_CERT_DIR", "certificates"), ("X509_VOMS_DIR", "vomsdir"), ("X509_VOMSES", "vomses"))
LOOK_S = 30.0


def find_environment(pp: PilotParams, log: Logger) -> Dict[str, str]:
    """The variables of the folders that exist and are not empty. A missing folder is a warning and
    not an error, because few programs need all of them."""
    variables: Dict[str, str] = {}
    dead: List[str] = []
    for variable, folder in KINDS:
        candidates = [pp.installEnv.get(variable, "")] + [
            os.path.join(place, "etc/grid-security", folder) for place in pp.CVMFS_locations
        ]
        candidates.append(os.path.join("/etc/grid-security", folder))
        good = next((path for path in candidates if path and _is_filled(path, dead, log)), "")
        if good:
            variables[variable] = good
        else:
            log.warn("%s: nothing in %s", variable, ", ".join(path for path in candidates if path))
    if "X509_VOMSES" in variables:
        variables["DIRAC_VOMSES"] = variables["X509_VOMSES"]
    return variables


def _is_filled(path: str, dead: List[str], log: Logger) -> bool:
    """Whether a file exists, or a folder with content. A child process reads CVMFS, because it can
    hang; a repository that did not answer is not read again."""
    if not path.startswith("/cvmfs/"):
        try:
            return os.path.isfile(path) or os.path.isdir(path) and bool(os.listdir(path))
        except OSError as error:
            log.warn("%s cannot be read: %s", path, error.strerror)
            return False
    repository = "/".join(path.split("/")[:3])
    if repository in dead:
        return False
    result = look_by_child(["sh", "-c", 'test -n "$(ls -A "$1")"', "sh", path])
    if result.timed_out:
        log.warn("%s did not answer for %.0f s", repository, LOOK_S)
        dead.append(repository)
    return result.exit_code == 0 and not result.timed_out


def look_by_child(argv: List[str]) -> process.Result:
    """Run a program that reads a file system that may hang, with a time limit."""
    return process.run(argv, timeout_s=LOOK_S, ok=None)

"""`-m pilot.agent.transfer`: brings a payload's files in or out, as a child that may be killed.

The order is JSON on standard input, the answer JSON on standard output: it names every file with size and sha256, or the
problem. By scheme: file and plain paths are copied, http and https fetched and PUT, others given to the grid's own tools.
"""

import json
import os
import shutil
import sys
from typing import Any, Dict, List, Optional, Sequence
from urllib.parse import unquote, urlsplit

from pilot import fetch, process
from pilot.errors import StepFailed, UsageError

TIMEOUT_S = 3600.0
STAGE_IN = "stage-in"
# scheme -> the tool's arguments before source and target
TOOLS: Dict[str, List[str]] = {
    "root": ["xrdcp", "--force", "--nopbar"],
    "xroot": ["xrdcp", "--force", "--nopbar"],
    "roots": ["xrdcp", "--force", "--nopbar"],
    "davs": ["gfal-copy", "--force"],
    "dav": ["gfal-copy", "--force"],
    "srm": ["gfal-copy", "--force"],
    "gsiftp": ["gfal-copy", "--force"],
    "s3": ["aws", "s3", "cp", "--no-progress"],
    "scp": ["scp", "-q", "-B"],
}


class TransferFailed(StepFailed):
    """A file could not be brought in or out: which, where, why."""


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Returns 0 when every file was moved, else 40 (the answer says what went wrong)."""
    if sys.argv[1:] if argv is None else argv:
        raise UsageError("usage: -m pilot.agent.transfer < ORDER.json > ANSWER.json")
    order = json.loads(sys.stdin.read())
    answer: Dict[str, Any] = {"files": []}
    try:
        for file in order["files"]:
            moved = bring_in(file, order["folder"]) if order["direction"] == STAGE_IN else bring_out(file, order)
            if moved:
                answer["files"].append(moved)
        if order["direction"] == STAGE_IN and order.get("owner"):
            _give(order["folder"], order["owner"])
    except (StepFailed, OSError, UnicodeError) as error:
        answer["problem"] = str(error)
    sys.stdout.write(json.dumps(answer))
    sys.stdout.flush()
    return 40 if "problem" in answer else 0


def _give(folder: str, owner: List[int]) -> None:
    """What was brought in belongs to who is to use it."""
    for place, below, files in os.walk(folder):
        for name in below + files:
            os.lchown(os.path.join(place, name), owner[0], owner[1])


def local_path(url: str) -> Optional[str]:
    """The path of a file: URL or plain path; None for other schemes."""
    parts = urlsplit(url)
    if parts.scheme == "file":
        return unquote(parts.path)
    return url if not parts.scheme or url.startswith("/") else None


def bring_in(file: Dict[str, Any], folder: str) -> Dict[str, Any]:
    """One input into the folder, its checksum verified."""
    target = os.path.join(folder, file["name"])
    os.makedirs(os.path.dirname(target), exist_ok=True)
    url, path = file["url"], local_path(file["url"])
    scheme = urlsplit(url).scheme
    if path is not None:
        shutil.copy(path, target)
    elif scheme in ("http", "https"):
        fetch.download(url, target, TIMEOUT_S, file.get("checksum") or "")
    else:
        _by_tool(scheme, url, target)
    _verify(file, target)
    return dict(told(file["name"], target), url=url)


def _verify(file: Dict[str, Any], path: str) -> None:
    wanted = fetch.parse_checksum(file.get("checksum") or "")
    if wanted is None:
        return
    digest = fetch.file_digest(path, wanted.algorithm)
    if digest != wanted.digest:
        raise TransferFailed("%s: %s is %s, expected %s" % (file["url"], wanted.algorithm, digest, wanted.digest))


def bring_out(file: Dict[str, Any], order: Dict[str, Any]) -> Optional[Dict[str, Any]]:
    """One output to its URL, or into the default folder; None when an optional one was not made."""
    source = os.path.join(order["folder"], file["name"])
    if not _is_own_file(source, order["folder"]):
        if file.get("optional"):
            return None
        raise TransferFailed("the payload did not make its output %s" % file["name"])
    url = file.get("url") or os.path.join(order["default"], file["name"])
    facts, path, scheme = told(file["name"], source), local_path(url), urlsplit(url).scheme
    if path is not None:
        _copy_out(source, path)
    elif scheme in ("http", "https"):
        fetch.upload(url, source, TIMEOUT_S)
    else:
        _by_tool(scheme, source, url)
    return dict(facts, url=url)


def _is_own_file(path: str, folder: str) -> bool:
    """Whether this is a regular file that, links followed, lies in the folder, which is no link itself: a payload may not have us
    copy /etc/shadow, or wait for a pipe."""
    real, home = os.path.realpath(path), os.path.join(os.path.realpath(os.path.dirname(folder)), os.path.basename(folder))
    return real.startswith(home + os.sep) and not os.path.islink(folder) and os.path.isfile(real)


def _copy_out(source: str, target: str) -> None:
    os.makedirs(os.path.dirname(os.path.abspath(target)), exist_ok=True)
    partial = "%s.part-%d" % (target, os.getpid())
    try:
        shutil.copy(source, partial)
        os.replace(partial, target)
    finally:
        if os.path.exists(partial):
            os.unlink(partial)


def _by_tool(scheme: str, source: str, target: str) -> None:
    tool = TOOLS.get(scheme)
    if tool is None:
        raise TransferFailed("%s: no tool is known for %s:" % (source, scheme))
    try:
        process.run(tool + [source, target], timeout_s=TIMEOUT_S)
    except process.ProgramFailed as error:
        raise TransferFailed("%s: %s" % (source if "://" in source else target, error))


def told(name: str, path: str) -> Dict[str, Any]:
    """A file's name, size and sha256."""
    return {"name": name, "size": os.path.getsize(path), "sha256": fetch.file_digest(path)}

"""`-m pilot.agent.transfer`: copies a payload's files in or out, in a child process that the agent
may kill.

Standard input is a JSON order, standard output a JSON answer: it names every file with size and
sha256, or the problem. By scheme: file and plain paths are copied, http and https use GET and PUT,
other schemes use the grid's own tools, each with the credentials of the payload's owner.
"""

import json
import os
import shutil
import sys
from typing import Any, Dict, List, Optional, Sequence
from urllib.parse import quote, unquote, urlsplit

from pilot.base import checksum, fetch, process
from pilot.base.upload import upload_file
from pilot.agent import outputs
from pilot.agent.outputs import TransferFailed
from pilot.agent.owner import Owner
from pilot.errors import ConfigurationFailed, StepFailed, UsageError

TIMEOUT_S = 3600.0
STAGE_IN = "stage-in"
QUOTED = ("http", "https", "dav", "davs")  # whose paths are percent-encoded
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


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Returns 0 when every file was copied, else 40 (the answer names the problem)."""
    if sys.argv[1:] if argv is None else argv:
        raise UsageError("usage: -m pilot.agent.transfer < ORDER.json > ANSWER.json")
    order = json.loads(sys.stdin.read())
    answer: Dict[str, object] = {"files": []}
    try:
        answer["files"] = _move_files(
            order, Owner(dict(os.environ), order.get("tokens") or [], order.get("proxy") or "")
        )
    except (StepFailed, ConfigurationFailed, OSError, UnicodeError) as error:
        answer["problem"] = str(error)
    sys.stdout.write(json.dumps(answer))
    sys.stdout.flush()
    return 40 if "problem" in answer else 0


def _move_files(order: Dict[str, Any], owner: Owner) -> List[Dict[str, Any]]:
    if order["direction"] != STAGE_IN:
        made = [
            (file, one) for file in order["files"] for one in _outputs_made(file, order["folder"])
        ]
        outputs.check_total([one for _, one in made])
        return [bring_out(file, one, order, owner) for file, one in made]
    moved = []
    for file in order["files"]:
        hidden = os.path.realpath(local_path(file["url"]) or "") in (order.get("hidden") or [])
        if hidden:
            raise TransferFailed("%s: is a secret of the pilot's" % file["url"])
        moved.append(bring_in(file, order["folder"], owner))
    if order.get("owner"):
        _give_to_owner(order["folder"], order["owner"])
    return moved


def _give_to_owner(folder: str, owner: List[int]) -> None:
    """Give a file that was copied in to the user that the payload runs as."""
    for place, below, files in os.walk(folder):
        for name in below + files:
            os.lchown(os.path.join(place, name), owner[0], owner[1])


def local_path(url: str) -> Optional[str]:
    """The path of a file: URL or plain path; None for other schemes."""
    parts = urlsplit(url)
    if parts.scheme == "file":
        return unquote(parts.path)
    return url if not parts.scheme or url.startswith("/") else None


def bring_in(file: Dict[str, Any], folder: str, owner: Owner) -> Dict[str, Any]:
    """Copy one input into the folder and verify its checksum."""
    target = os.path.join(folder, file["name"])
    os.makedirs(os.path.dirname(target), exist_ok=True)
    url, path = file["url"], local_path(file["url"])
    scheme = urlsplit(url).scheme
    if path is not None:
        shutil.copy(path, target)
    elif scheme in ("http", "https"):
        fetch.download(
            url,
            target,
            TIMEOUT_S,
            file.get("checksum") or "",
            context=owner.tls(url),
            headers=owner.headers(url),
        )
    else:
        _by_tool(url, url, target, owner)
    _verify_checksum(file, target)
    return dict(describe_file(file["name"], target), url=url)


def _verify_checksum(file: Dict[str, Any], path: str) -> None:
    wanted = checksum.parse_checksum(file.get("checksum") or "")
    if wanted is None:
        return
    digest = checksum.file_digest(path, wanted.algorithm)
    if digest != wanted.digest:
        raise TransferFailed(
            "%s: %s is %s, expected %s" % (file["url"], wanted.algorithm, digest, wanted.digest)
        )


def _outputs_made(file: Dict[str, Any], folder: str) -> List[outputs.Made]:
    made = outputs.find_outputs(file["name"], folder)
    if not made and not file.get("optional"):
        raise TransferFailed("the payload did not make its output %s" % file["name"])
    return made


def bring_out(
    file: Dict[str, Any], one: outputs.Made, order: Dict[str, Any], owner: Owner
) -> Dict[str, Any]:
    """Copy one file of an output to its URL, or into the default folder."""
    source = os.path.join(order["folder"], one.name)
    url = (
        _join_url(file["url"], one.below)
        if file.get("url")
        else os.path.join(order["default"], one.name)
    )
    facts, path, scheme = describe_file(one.name, source), local_path(url), urlsplit(url).scheme
    if path is not None:
        _copy_out(source, path)
    elif scheme in ("http", "https"):
        upload_file(url, source, TIMEOUT_S, context=owner.tls(url), headers=owner.headers(url))
    else:
        _by_tool(url, source, url, owner)
    return dict(facts, url=url)


def _join_url(base: str, below: str) -> str:
    """The URL of a file below the given one; without the query."""
    if not below:
        return base
    path, mark, query = base.partition("?") if urlsplit(base).scheme in QUOTED else (base, "", "")
    return "%s/%s%s%s" % (
        path.rstrip("/"),
        quote(below) if urlsplit(base).scheme in QUOTED + ("file",) else below,
        mark,
        query,
    )


def _copy_out(source: str, target: str) -> None:
    os.makedirs(os.path.dirname(os.path.abspath(target)), exist_ok=True)
    partial = "%s.part-%d" % (target, os.getpid())
    try:
        shutil.copy(source, partial)
        os.replace(partial, target)
    finally:
        if os.path.exists(partial):
            os.unlink(partial)


def _by_tool(url: str, source: str, target: str, owner: Owner) -> None:
    """Copy with the tool for the scheme of this URL, which is the source or the target."""
    scheme = urlsplit(url).scheme
    tool = TOOLS.get(scheme)
    if tool is None:
        raise TransferFailed("%s: no tool is known for %s:" % (url, scheme))
    try:
        process.run(tool + [source, target], timeout_s=TIMEOUT_S, environ=owner.for_tool(url))
    except process.ProgramFailed as error:
        raise TransferFailed("%s: %s" % (url, error))


def describe_file(name: str, path: str) -> Dict[str, Any]:
    """A file's name, size and sha256."""
    return {"name": name, "size": os.path.getsize(path), "sha256": checksum.file_digest(path)}

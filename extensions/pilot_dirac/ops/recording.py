"""What a pilot does, seen from outside: the programs that it starts, pilot.cfg, its exit code."""

import os
import re
import shutil
import sys
from typing import Any, Dict, List, NamedTuple, Sequence

from pilot.base import process
from pilot.errors import UsageError

from ..cfg import Section, parse_cfg
from .client import ANSWERS, Call, Client

PILOT, CFG = "dirac-pilot.py", "pilot.cfg"
# in words, variables and files: the client's folder, and the pilot's
CLIENT, WORK = "{client}", "{work}"
LIMIT_S = 600.0
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_LIBC = re.compile(r"glibc-[0-9.]+")  # Pythons find different ones on one machine
# what shells and Python set, and what names our own folders
_NOISE = {"_", "SHLVL", "PWD", "OLDPWD", "LC_CTYPE"}

_SETS = {"Tag", "RequiredTag"}


class Recording(NamedTuple):
    """`environ` of the calls has only what differs from the pilot's own environment ("": removed);
    paths are those of no machine: WORK, CLIENT. `files` are the names that the pilot left."""

    exit_code: int
    calls: List[Call]
    options: Dict[str, str]
    files: List[str]
    last_line: str


class Site(NamedTuple):
    """What both pilots find: variables, files by name, answers of programs, a real client's script."""

    environ: Dict[str, str]
    files: Dict[str, bytes] = {}
    answers: Dict[str, Dict[str, Any]] = {}
    rc: str = ""


def record_pilot(pilot: str, words: Sequence[str], folder: str, site: Site) -> Recording:
    """Run a pilot in a new folder: a file, or a folder whose .py files lie beside one another."""
    work = os.path.join(folder, "work")
    os.makedirs(work)
    client = Client(os.path.join(folder, "client"), site.rc)
    client.make_shared()
    client.write_answers(dict(ANSWERS, **site.answers))
    before = _copy_files(pilot, work, site, client)
    environ = {name: _fill_in(text, client, work) for name, text in site.environ.items()}
    environ.setdefault("HOME", work)
    given = [_fill_in(word, client, work) for word in words]
    if not any(word.startswith(("--preinstalledEnv", "--CVMFS_locations")) for word in words):
        given += ["--preinstalledEnv", client.env]
    done = process.run(
        [sys.executable, PILOT] + given, timeout_s=LIMIT_S, ok=None, environ=environ, cwd=work
    )
    plain = _Plain(work, client.folder)
    calls = [plain.make_call(call, environ) for call in client.list_calls()]
    left = sorted(set(os.listdir(work)) - before - {"__pycache__"})
    options = plain.read_options(os.path.join(work, CFG))
    return Recording(done.exit_code, calls, options, left, plain.text(done.last_lines(1)))


def _copy_files(pilot: str, work: str, site: Site, client: Client) -> "set[str]":
    if os.path.isdir(pilot):
        names = [name for name in os.listdir(pilot) if name.endswith(".py")]
        if PILOT not in names:
            raise UsageError("%s: there is no %s in this folder" % (pilot, PILOT))
        for name in names:
            shutil.copy(os.path.join(pilot, name), work)
    else:
        shutil.copy(pilot, os.path.join(work, PILOT))
    for name, data in site.files.items():
        with open(os.path.join(work, name), "wb") as stream:
            stream.write(data.replace(CLIENT.encode(), client.folder.encode()))
    return set(os.listdir(work))


def _fill_in(text: str, client: Client, work: str) -> str:
    return text.replace(CLIENT, client.folder).replace(WORK, work)


class _Plain:
    """Texts without what differs from run to run."""

    def __init__(self, work: str, client: str) -> None:
        self._places = [(client, "CLIENT"), (work, "WORK"), (os.path.realpath(work), "WORK")]

    def text(self, text: str) -> str:
        """A text without paths, C library and UUIDs of this run."""
        for place, name in self._places:
            text = text.replace(place, name)
        return _UUID.sub("UUID", _LIBC.sub("glibc-N", text))

    def make_call(self, call: Call, start: Dict[str, str]) -> Call:
        """A call with the variables that it has beside those of the pilot's start."""
        changed = {
            name: call.environ.get(name, "")
            for name in set(call.environ) | set(start)
            if call.environ.get(name) != start.get(name) and name not in _NOISE
        }
        environ = {name: self.text(text) for name, text in sorted(changed.items())}
        words = [self.text(word) for word in call.words]
        return Call(call.program, words, self.text(call.folder), environ)

    def read_options(self, path: str) -> Dict[str, str]:
        """The values of pilot.cfg by /Section/Name; none without a file."""
        if not os.path.exists(path):
            return {}
        with open(path, encoding="utf-8", errors="replace") as stream:
            found: Dict[str, str] = {}
            _flatten(parse_cfg(stream.read()), "", found)
        return {name: self.text(text) for name, text in sorted(found.items())}


def _flatten(section: Section, path: str, found: Dict[str, str]) -> None:
    for name, value in section.items():
        if isinstance(value, dict):
            _flatten(value, path + "/" + name, found)
        else:
            parts = [part.strip() for part in value.split(",")]
            # DIRAC's pilot writes sets
            found[path + "/" + name] = ", ".join(sorted(parts) if name in _SETS else parts)


def as_facts(recording: Recording) -> Dict[str, Any]:
    """As JSON can have it, without the pilot's own sentence."""
    calls = [list(call) for call in recording.calls]
    return dict(recording._asdict(), calls=calls, last_line="")


def from_facts(facts: Dict[str, Any]) -> Recording:
    """What `as_facts` made."""
    return Recording(**dict(facts, calls=[Call(*call) for call in facts["calls"]]))

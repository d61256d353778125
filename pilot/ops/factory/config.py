"""The factory's INI file: the sites and their limits. The file is checked as a whole."""

import configparser
import os
import re
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Tuple

from pilot import values
from pilot.errors import UsageError
from pilot.ops.factory import config_values, policy
from pilot.ops.factory.downtime import Window, read_windows
from pilot.ops.factory.source import DemandSource, parse_source

MODES = ("online", "test", "offline")
_SECTION = re.compile(r"\s*\[([^\]]*)\]")
_KEY = re.compile(r"([A-Za-z_][\w-]*)\s*=")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,59}\Z")


class Site(NamedTuple):
    """One [site NAME] section: the batch system, the slot to request, and the limits. None: the
    batch system's default."""

    name: str
    backend: str
    pool: str
    demand: DemandSource
    cores: int
    memory_mb: Optional[int]
    gpus: int
    walltime_s: Optional[float]
    queue: str
    tags: Tuple[str, ...]
    options: Tuple[str, ...]
    environment: Tuple[Tuple[str, str], ...]
    pilot_options: Tuple[str, ...]
    commands: str
    policy: policy.Chain
    weight: float
    prefer: int
    groups: Tuple[str, ...]
    mode: str
    downtime: Tuple[Window, ...]
    min_running: int
    max_running: int
    max_pending: int
    max_per_cycle: int
    rate_per_min: float
    idle_s: float
    per_node: int
    containers: bool = True  # whether its nodes can run tasks in containers
    # for `simulate`: the mean time in the queue; the parts of the pilots that fail at once, vanish, are
    # held for an hour; the part of the answers that are wrong; nodes, and those that fail all pilots;
    # begin and length of outages in seconds
    fake_queue_s: float = 300.0
    fake_fail: float = 0.0
    fake_lost: float = 0.0
    fake_held: float = 0.0
    fake_lies: float = 0.0
    fake_nodes: int = 10
    fake_bad_nodes: int = 0
    fake_outages: Tuple[Tuple[float, float], ...] = ()


class Farm(NamedTuple):
    """The whole file."""

    path: str
    name: str
    pool: str
    server: str
    token_file: str
    pilot: str
    cycle_s: float
    max_total: Optional[int]
    book: str
    keep_days: float
    keep_outputs_mb: float
    sites: Tuple[Site, ...]

    def select(self, word: Optional[str]) -> List[Site]:
        """The sites with this name or in this group; all sites without a word. UsageError if there
        is none."""
        if word is None:
            return list(self.sites)
        chosen = [site for site in self.sites if word == site.name or word in site.groups]
        if not chosen:
            known = sorted({name for site in self.sites for name in (site.name,) + site.groups})
            raise UsageError(
                "%s: there is no site or group %r%s"
                % (self.path, word, values.did_you_mean(word, known))
            )
        return chosen


class _Key(NamedTuple):
    parse: Callable[[str], Any]
    default: Any


FACTORY_KEYS: Dict[str, _Key] = {
    "name": _Key(values.name, ""),
    "pool": _Key(str, ""),
    "server": _Key(str, ""),
    "token_file": _Key(str, ""),
    "pilot": _Key(str, ""),
    "cycle_s": _Key(values.seconds, 60.0),
    "max_total": _Key(values.count, None),
    "book": _Key(str, ""),
    "keep_days": _Key(values.number, 7.0),
    "keep_outputs_mb": _Key(values.number, 1000.0),
}
SITE_KEYS: Dict[str, _Key] = {
    "backend": _Key(str, ""),
    "pool": _Key(str, ""),
    "demand": _Key(parse_source, DemandSource()),
    "cores": _Key(config_values.positive, 1),
    "memory": _Key(values.megabytes, None),
    "gpus": _Key(values.count, 0),
    "walltime": _Key(values.seconds, None),
    "queue": _Key(str, ""),
    "tags": _Key(values.words, ()),
    "containers": _Key(values.boolean, True),
    "options": _Key(config_values.quoted_words, ()),
    "environment": _Key(config_values.assignments, ()),
    "pilot_options": _Key(config_values.quoted_words, ()),
    "commands": _Key(str, ""),
    "policy": _Key(policy.parse_chain, policy.parse_chain(policy.DEFAULT)),
    "weight": _Key(values.number, 1.0),
    "prefer": _Key(values.count, 0),
    "groups": _Key(values.words, ()),
    "mode": _Key(values.choice(*MODES), "online"),
    "downtime": _Key(read_windows, ()),
    "min_running": _Key(values.count, 0),
    "max_running": _Key(values.count, 10),
    "max_pending": _Key(values.count, 5),
    "max_per_cycle": _Key(values.count, 10),
    "rate_per_min": _Key(values.number, 60.0),
    "idle_s": _Key(values.seconds, 300.0),
    "per_node": _Key(config_values.positive, 3),
    "fake_queue_s": _Key(values.seconds, 300.0),
    "fake_fail": _Key(config_values.fraction, 0.0),
    "fake_lost": _Key(config_values.fraction, 0.0),
    "fake_held": _Key(config_values.fraction, 0.0),
    "fake_lies": _Key(config_values.fraction, 0.0),
    "fake_nodes": _Key(config_values.positive, 10),
    "fake_bad_nodes": _Key(values.count, 0),
    "fake_outages": _Key(config_values.time_spans, ()),
}
_FIELDS = {"memory": "memory_mb", "walltime": "walltime_s"}


def read_farm(path: str, backends: Tuple[str, ...]) -> Farm:
    """Read and check the file. UsageError with a sentence for each mistake, with its line."""
    try:
        with open(path, encoding="utf-8") as stream:
            text = stream.read()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise UsageError("%s: cannot be read: %s" % (path, why))
    return parse_farm(text, path, backends)


def parse_farm(text: str, path: str, backends: Tuple[str, ...]) -> Farm:
    """The same for the text of a file; relative paths count from the file's folder."""
    parser = configparser.ConfigParser(
        interpolation=None, delimiters=("=",), default_section="\0", empty_lines_in_values=False
    )
    try:
        parser.read_string(text, path)
    except configparser.Error as error:
        raise UsageError("%s: %s" % (path, " ".join(str(error).split())))
    check = _Checker(parser, path, _line_numbers(text))
    farm = check.read_farm(backends)
    if check.problems:
        raise UsageError(*check.problems)
    return farm


class _Checker:
    """Reads the sections, and collects a sentence for each mistake."""

    def __init__(
        self, parser: configparser.ConfigParser, path: str, lines: Dict[Tuple[str, str], int]
    ) -> None:
        self.problems: List[str] = []
        self._parser, self._path, self._lines = parser, path, lines

    def read_farm(self, backends: Tuple[str, ...]) -> Farm:
        """The farm; only valid without problems."""
        names = self._check_sections()
        whole = self._read_section("factory", FACTORY_KEYS, {})
        folder = os.path.dirname(os.path.abspath(self._path))
        for key in ("token_file", "pilot", "book"):
            whole[key] = whole[key] and os.path.join(folder, whole[key])
        whole["name"] = whole["name"] or re.sub(
            r"[^A-Za-z0-9._-]", "-", os.path.splitext(os.path.basename(self._path))[0]
        )
        whole["book"] = whole["book"] or os.path.abspath(self._path) + ".book"
        common = self._read_section("defaults", SITE_KEYS, {})
        sites = [self._read_site(name, common, whole["pool"], backends) for name in names]
        if not names:
            self.problems.append(
                "%s: has no [site NAME]; `pilot.factory add` makes one" % self._path
            )
        return Farm(path=self._path, sites=tuple(sites), **whole)

    def _check_sections(self) -> List[str]:
        names = []
        for section in self._parser.sections():
            kind, _, name = section.partition(" ")
            if kind == "site" and _NAME.match(name.strip()):
                names.append(name.strip())
            elif section not in ("factory", "defaults"):
                near = values.did_you_mean(kind, ("factory", "defaults", "site"))
                self._complain(section, "", "is not [factory], [defaults] or [site NAME]" + near)
        return names

    def _read_site(
        self, name: str, common: Dict[str, Any], pool: str, backends: Tuple[str, ...]
    ) -> Site:
        section = next(one for one in self._parser.sections() if one.split() == ["site", name])
        found = self._read_section(section, SITE_KEYS, common)
        if found["backend"] not in backends:
            near = values.did_you_mean(found["backend"], backends)
            what = "%r is no backend" % found["backend"] if found["backend"] else "is missing"
            self._complain(section, "backend", "%s%s: %s" % (what, near, ", ".join(backends)))
        if not found["pool"] and not pool:
            self._complain(section, "pool", "is missing, here and in [factory]")
        if found["min_running"] > found["max_running"]:
            self._complain(section, "min_running", "is more than max_running")
        found["pool"] = self._absolute(found["pool"] or pool)
        return Site(name=name, **{_FIELDS.get(key, key): value for key, value in found.items()})

    def _absolute(self, pool: str) -> str:
        """The URL of a file pool with its path from the root; relative ones count from the INI
        file."""
        scheme, _, path = pool.partition(":")
        if scheme != "sqlite":
            return pool
        return "sqlite:" + os.path.join(os.path.dirname(os.path.abspath(self._path)), path)

    def _read_section(
        self, section: str, keys: Dict[str, _Key], common: Dict[str, Any]
    ) -> Dict[str, Any]:
        found = {key: common.get(key, one.default) for key, one in keys.items()}
        if not self._parser.has_section(section):
            return found
        for key, text in self._parser.items(section):
            if key not in keys:
                near = values.did_you_mean(key, keys)
                self._complain(section, key, "there is no such key" + near)
                continue
            try:
                found[key] = keys[key].parse(text)
            except ValueError as error:
                self._complain(section, key, str(error))
        return found

    def _complain(self, section: str, key: str, sentence: str) -> None:
        line = self._lines.get((section, key)) or self._lines.get((section, ""), 0)
        where = "%s, line %d: [%s]" % (self._path, line, section)
        self.problems.append("%s%s: %s" % (where, " " + key if key else "", sentence))


def _line_numbers(text: str) -> Dict[Tuple[str, str], int]:
    """The line of each section (with the key "") and of each key."""
    found: Dict[Tuple[str, str], int] = {}
    section = ""
    for number, line in enumerate(text.splitlines(), 1):
        head, key = _SECTION.match(line), _KEY.match(line)
        if head:
            section = head.group(1)
            found[(section, "")] = number
        elif key:
            found[(section, key.group(1).lower())] = number
    return found

"""Reads pilot.json, ours and both of DIRAC's layouts, into layers of settings: later layers win.

Ours: `{"DefaultSetup": s, "Defaults": {...}, "Setups": {s: {...}}, "VOs": {vo: {...}}, "CEs": {ce: {...,
"Queues": {q: {...}}}}}`; in each place option names with their values, or a flat object of option names.
DIRAC's old layout has "Setups" with "Commands" by grid CE type; the new one is the dumped Operations
section (`/Defaults/Pilot`, `/<setup>/Pilot`, `/<VO>/Defaults/Pilot`, `/<VO>/<setup>/Pilot`, `/<VO>/Pilot`).
"""

import json
from typing import Any, Dict, Iterable, List, NamedTuple, Optional, Tuple

from pilot.errors import UsageError
from pilot.settings import Layer, nearest

# DIRAC's key -> our option
DIRAC_KEYS = {
    "Commands": "commands",
    "CommandExtensions": "extensions",
    "Version": "release_version",
    "Project": "release_project",
    "ConfigurationServer": "configuration_servers",
    "ConfigurationServers": "configuration_servers",
    "CVMFS_locations": "cvmfs_locations",
    "PreferredURLPatterns": "preferred_url_patterns",
    "NagiosProbes": "probes",
    "NagiosPutURL": "nagios_put_url",
    "RemoteLogging": "remote_logging",
    "RemoteLoggerURL": "remote_logger_url",
    "RemoteLoggerTimerInterval": "remote_logger_timer_interval",
    "RemoteLoggerBufsize": "remote_logger_bufsize",
    "RemoteLoggerCEsWhiteList": "remote_logger_ces_white_list",
    "PilotLogLevel": "log_level",
    "Site": "site",
    "GridCEType": "ce_type",
    "LocalCEType": "local_ce_type",
}
_OLD_DIRAC_ONLY = {"CheckVersion", "GenericPilotGroup", "GenericPilotDN", "Logging"}
NAME = "pilot.json"
_PLACES = ("Defaults", "Setups", "VOs", "CEs")
_NAMES = ("DefaultSetup",)


class Where(NamedTuple):
    """Which part of a profile applies; None or "" where it is not known."""

    setup: Optional[str] = None
    vo: Optional[str] = None
    ce: Optional[str] = None
    queue: Optional[str] = None
    ce_type: Optional[str] = None


class Profile(NamedTuple):
    """The layers that apply, lowest first; `strict` when unknown keys are errors (our own layout)."""

    layers: Tuple[Layer, ...]
    strict: bool
    doubts: Tuple[str, ...] = ()  # a sentence for each VO, CE ... that was named and that the profile does not have

    def unknown_keys(self, known: Iterable[str]) -> List[str]:
        """A sentence for each key of our own layout that no loaded command declares."""
        names = set(known)
        if not self.strict:
            return []
        return ["%s: unknown key %r%s" % (layer.source, key, nearest(key, names))
                for layer in self.layers for key in layer.values if key not in names]


def load(path: str) -> Dict[str, Any]:
    """The JSON object in a file; UsageError with line and column when it is not one."""
    try:
        with open(path, encoding="utf-8") as stream:
            data = json.load(stream)
    except OSError as error:
        raise UsageError("%s: cannot be read: %s" % (path, error.strerror))
    except ValueError as error:
        raise UsageError("%s: not JSON: %s" % (path, error))
    except RecursionError:
        raise UsageError("%s: it is nested too deeply" % path)
    if not isinstance(data, dict):
        raise UsageError("%s: holds a %s, must hold a JSON object {...}" % (path, type(data).__name__))
    return data


def read(data: Dict[str, Any], where: Where, name: str = "pilot.json") -> Profile:
    """The layers of a profile that apply to `where`; UsageError names a part of the wrong type."""
    where = where._replace(setup=where.setup or _text(data.get("DefaultSetup")))
    if _is_old_dirac(data):
        return Profile(tuple(_old_dirac(data, where, name)), False, tuple(_strangers(data, where, name, ("Setups", "CEs"))))
    if _is_new_dirac(data):
        return Profile(tuple(_new_dirac(data, where, name)), False, tuple(_strangers(data, where, name, ("CEs",))))
    return Profile(tuple(_own(data, where, name)), True, tuple(_strangers(data, where, name, ("Setups", "VOs", "CEs"))))


def _strangers(data: Dict[str, Any], where: Where, name: str, places: Iterable[str]) -> List[str]:
    """A sentence for each place that was named and is not in a part of the profile that lists its kind."""
    named = {"Setups": where.setup, "VOs": where.vo, "CEs": where.ce}
    told = []
    for place in places:
        known, word = data.get(place), named[place]
        if word and isinstance(known, dict) and known and word not in known:
            told.append("%s has nothing for %s under %s%s" % (name, word, place, nearest(word, known)))
    queues = _part(data, ("CEs", where.ce, "Queues"), name)
    if where.queue and queues and where.queue not in queues:
        told.append("%s has nothing for queue %s of %s%s" % (name, where.queue, where.ce, nearest(where.queue, queues)))
    return told


def _is_old_dirac(data: Dict[str, Any]) -> bool:
    setups = data.get("Setups")
    parts = list(setups.values()) if isinstance(setups, dict) else []
    keys = {key for part in parts if isinstance(part, dict) for key in part}
    return bool(keys & (set(DIRAC_KEYS) | _OLD_DIRAC_ONLY)) or (bool(parts) and "ConfigurationServers" in data)


def _is_new_dirac(data: Dict[str, Any]) -> bool:
    if "ConfigurationServers" in data:
        return True
    return any(isinstance(part, dict) and "Pilot" in part for part in data.values())


def _own(data: Dict[str, Any], where: Where, name: str) -> List[Layer]:
    flat = {k: v for k, v in data.items() if k not in _PLACES + _NAMES and not k.startswith(("_", "#"))}
    layers = [Layer(name, flat)] if flat else []
    for path in (
        ("Defaults",),
        ("Setups", where.setup),
        ("VOs", where.vo),
        ("CEs", where.ce),
        ("CEs", where.ce, "Queues", where.queue),
    ):
        part = _part(data, path, name)
        if part:
            own = {k: v for k, v in part.items() if k != "Queues" and not k.startswith(("_", "#"))}
            layers.append(Layer("%s: %s" % (name, "/".join(str(step) for step in path)), own))
    return layers


def _old_dirac(data: Dict[str, Any], where: Where, name: str) -> List[Layer]:
    ces = _ce_layers(data, where, name)
    ce_type = _ce_type(where, ces)
    layers = _top(data, name)
    for step in ("Defaults", where.setup):
        part = _part(data, ("Setups", step), name)
        if part:
            layers.append(_dirac_layer(part, "%s: Setups/%s" % (name, step), ce_type))
    return layers + ces


def _new_dirac(data: Dict[str, Any], where: Where, name: str) -> List[Layer]:
    ces = _ce_layers(data, where, name)
    ce_type = _ce_type(where, ces)
    layers = _top(data, name)
    for path in (
        ("Defaults", "Pilot"),
        (where.setup, "Pilot"),
        (where.vo, "Defaults", "Pilot"),
        (where.vo, where.setup, "Pilot"),
        (where.vo, "Pilot"),
    ):
        part = _part(data, path, name)
        if part:
            source = "%s: %s" % (name, "/".join(str(step) for step in path))
            layers.append(_dirac_layer(part, source, ce_type))
    return layers + ces


def _top(data: Dict[str, Any], name: str) -> List[Layer]:
    """What stands outside all sections."""
    keys = ("ConfigurationServers", "PreferredURLPatterns")
    found = {DIRAC_KEYS[key]: data[key] for key in keys if data.get(key)}
    return [Layer(name, found)] if found else []


def _ce_layers(data: Dict[str, Any], where: Where, name: str) -> List[Layer]:
    layers = []
    for path in (("CEs", where.ce), ("CEs", where.ce, where.queue)):
        part = _part(data, path, name)
        if part:
            source = "%s: %s" % (name, "/".join(str(step) for step in path))
            layers.append(_dirac_layer(part, source, None))
    return layers


def _ce_type(where: Where, ces: List[Layer]) -> Optional[str]:
    if where.ce_type:
        return where.ce_type
    return next((_text(layer.values["ce_type"]) for layer in ces if "ce_type" in layer.values), None)


def _dirac_layer(part: Dict[str, Any], source: str, ce_type: Optional[str]) -> Layer:
    found = {}
    for key, option in DIRAC_KEYS.items():
        value = part.get(key)
        if key == "Commands" and isinstance(value, dict):
            value = value.get(ce_type or "", value.get("Defaults"))
        if value not in (None, "") and not isinstance(value, dict):
            found[option] = value
    return Layer(source, found)


def _part(data: Dict[str, Any], path: Tuple[Optional[str], ...], name: str) -> Dict[str, Any]:
    here: Any = data
    for depth, step in enumerate(path):
        if not step or step not in here:
            return {}
        here = here[step]
        if not isinstance(here, dict):
            place = "/".join(str(s) for s in path[: depth + 1])
            raise UsageError("%s: %s must be an object {...}" % (name, place))
    result: Dict[str, Any] = here
    return result


def _text(value: Any) -> Optional[str]:
    return value if isinstance(value, str) and value else None

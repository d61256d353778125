"""Reads DIRAC's own layouts of pilot.json into layers of settings.

The old layout has "Setups" with "Commands" by grid CE type; the new one is the dumped Operations
section (`/Defaults/Pilot`, `/<setup>/Pilot`, `/<VO>/Defaults/Pilot`, `/<VO>/<setup>/Pilot`,
`/<VO>/Pilot`).
"""

from typing import Dict, List, Optional, Tuple

from pilot.engine.settings import Layer
from pilot.engine.site_profile import Profile, Where, find_part, nonempty_text, unlisted_places

# DIRAC's key -> our option
KEYS = {
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
_OLD_ONLY = {"CheckVersion", "GenericPilotGroup", "GenericPilotDN", "Logging"}


def profile(data: Dict[str, object], where: Where, name: str) -> Optional[Profile]:
    """The engine's hook: the layers that apply to `where`; None when the file has neither of
    DIRAC's layouts."""
    where = where._replace(setup=where.setup or nonempty_text(data.get("DefaultSetup")))
    if _is_old(data):
        return Profile(
            tuple(_old_layers(data, where, name)),
            False,
            tuple(unlisted_places(data, where, name, ("Setups", "CEs"))),
        )
    if _is_new(data):
        return Profile(
            tuple(_new_layers(data, where, name)),
            False,
            tuple(unlisted_places(data, where, name, ("CEs",))),
        )
    return None


def _is_old(data: Dict[str, object]) -> bool:
    setups = data.get("Setups")
    parts = list(setups.values()) if isinstance(setups, dict) else []
    keys = {key for part in parts if isinstance(part, dict) for key in part}
    return bool(keys & (set(KEYS) | _OLD_ONLY)) or (bool(parts) and "ConfigurationServers" in data)


def _is_new(data: Dict[str, object]) -> bool:
    if "ConfigurationServers" in data:
        return True
    return any(isinstance(part, dict) and "Pilot" in part for part in data.values())


def _old_layers(data: Dict[str, object], where: Where, name: str) -> List[Layer]:
    ces = _ce_layers(data, where, name)
    ce_type = _ce_type(where, ces)
    layers = _misplaced_layer(data, name) + _top_layer(data, name)
    for step in ("Defaults", where.setup):
        part = find_part(data, ("Setups", step), name)
        if part:
            layers.append(_part_layer(part, "%s: Setups/%s" % (name, step), ce_type))
    return layers + ces


def _new_layers(data: Dict[str, object], where: Where, name: str) -> List[Layer]:
    ces = _ce_layers(data, where, name)
    ce_type = _ce_type(where, ces)
    layers = _top_layer(data, name)
    for path in section_paths(where.vo, where.setup):
        part = find_part(data, path, name)
        if part:
            source = "%s: %s" % (name, "/".join(str(step) for step in path))
            layers.append(_part_layer(part, source, ce_type))
    return layers + ces


def section_paths(vo: Optional[str], setup: Optional[str]) -> List[Tuple[Optional[str], ...]]:
    """Where the new layout has options for pilots: a later section counts before an earlier one."""
    return [
        ("Defaults", "Pilot"),
        (setup, "Pilot"),
        (vo, "Defaults", "Pilot"),
        (vo, setup, "Pilot"),
        (vo, "Pilot"),
    ]


def _top_layer(data: Dict[str, object], name: str) -> List[Layer]:
    """The values outside all sections."""
    keys = ("ConfigurationServers", "PreferredURLPatterns")
    settings = {KEYS[key]: data[key] for key in keys if data.get(key)}
    return [Layer(name, settings)] if settings else []


def _misplaced_layer(data: Dict[str, object], name: str) -> List[Layer]:
    """Commands that stand in Defaults/Commands/Defaults in place of Setups/Defaults: DIRAC's pilot
    reads them last, and sites may rely on that."""
    part = find_part(data, ("Defaults",), name) or {}
    commands = part.get("Commands")
    value = commands.get("Defaults") if isinstance(commands, dict) else None
    return [Layer("%s: Defaults/Commands" % name, {"commands": value})] if value else []


def _ce_layers(data: Dict[str, object], where: Where, name: str) -> List[Layer]:
    layers = []
    for path in (("CEs", where.ce), ("CEs", where.ce, where.queue)):
        part = find_part(data, path, name)
        if part:
            source = "%s: %s" % (name, "/".join(str(step) for step in path))
            layers.append(_part_layer(part, source, None))
    return layers


def _ce_type(where: Where, ces: List[Layer]) -> Optional[str]:
    if where.ce_type:
        return where.ce_type
    return next(
        (nonempty_text(layer.values["ce_type"]) for layer in ces if "ce_type" in layer.values), None
    )


def _part_layer(part: Dict[str, object], source: str, ce_type: Optional[str]) -> Layer:
    settings = {}
    for key, option in KEYS.items():
        value = part.get(key)
        if key == "Commands" and isinstance(value, dict):
            value = value.get(ce_type or "", value.get("Defaults"))
        if value not in (None, "", []) and not isinstance(value, dict):
            settings[option] = value
    return Layer(source, settings)

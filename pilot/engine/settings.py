"""Settings: option values, each with its source; layers are merged, and all errors reported at
once."""

import json
from typing import Any, Dict, Iterable, Iterator, List, NamedTuple, Sequence, Tuple

from pilot.base.log import MASK
from pilot.command import Option

DEFAULT = "default"
ENVIRONMENT = "environment"
COMMAND_LINE = "command line"
ENVIRONMENT_PREFIX = "PILOT_"


class Setting(NamedTuple):
    """An option's value together with its source."""

    value: object
    source: str
    secret: bool = False


class Layer(NamedTuple):
    """Raw values from one source: text (or several, for repeatable options) or JSON values, by
    option name."""

    source: str
    values: Dict[str, Any]


class Settings:
    """Read-only: `settings["name"]` is a value, `settings.setting("name")` also has its source."""

    def __init__(self, settings: Dict[str, Setting]) -> None:
        self._found = settings

    def __getitem__(self, name: str) -> Any:
        return self._found[name].value

    def __contains__(self, name: object) -> bool:
        return name in self._found

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._found))

    def setting(self, name: str) -> Setting:
        """The value with its source."""
        return self._found[name]

    def secrets(self) -> List[str]:
        """The texts that must never be shown."""
        return [str(s.value) for s in self._found.values() if s.secret and s.value]

    def public(self) -> Dict[str, Dict[str, Any]]:
        """`{name: {"value", "source"}}` with secrets masked, for the report and --plan."""
        return {
            name: {"value": MASK if s.secret and s.value else s.value, "source": s.source}
            for name, s in sorted(self._found.items())
        }


def option_flag(name: str) -> str:
    """min_disk_mb -> --min-disk-mb"""
    return "--" + name.replace("_", "-")


def environment_name(name: str) -> str:
    """min_disk_mb -> PILOT_MIN_DISK_MB"""
    return ENVIRONMENT_PREFIX + name.upper()


def environment_layer(options: Iterable[Option], environ: Dict[str, str]) -> Layer:
    """The values that PILOT_* variables give."""
    values = {}
    for option in options:
        name = environment_name(option.name)
        if name in environ:
            values[option.name] = environ[name]
    return Layer(ENVIRONMENT, values)


def as_text(raw: Any) -> str:
    """A JSON value in the spelling the command line would use."""
    if isinstance(raw, bool):
        return "true" if raw else "false"
    if isinstance(raw, (list, tuple)):
        return ",".join(as_text(item) for item in raw)
    if isinstance(raw, dict):
        return ",".join("%s=%s" % (key, as_text(value)) for key, value in raw.items())
    return str(raw)


def resolve(options: Iterable[Option], layers: Sequence[Layer]) -> Tuple[Settings, List[str]]:
    """Later layers win. Returns the settings and one sentence per bad value (in whatever layer)."""
    settings, problems = {}, []
    for option in options:
        settings[option.name] = Setting(option.default, DEFAULT, option.secret)
        for layer in layers:
            raw = layer.values.get(option.name)
            if raw is None:
                continue
            try:
                settings[option.name] = Setting(_parse(option, raw), layer.source, option.secret)
            except ValueError as error:
                problems.append("%s: %s" % (_spelling(option, layer.source), _told(option, error)))
    return Settings(settings), problems


def _parse(option: Option, raw: Any) -> Any:
    if not option.repeat:
        return option.type(raw if isinstance(raw, str) else as_text(raw))
    # from a variable: a list in the form of pilot.json
    if isinstance(raw, str) and raw.startswith("["):
        raw = json.loads(raw)
    items = raw if isinstance(raw, (list, tuple)) else [raw]
    return tuple(option.type(item if isinstance(item, str) else as_text(item)) for item in items)


def _told(option: Option, error: ValueError) -> str:
    return "bad value (not shown: it is a secret)" if option.secret else str(error)


def _spelling(option: Option, source: str) -> str:
    if source == COMMAND_LINE:
        return option_flag(option.name)
    if source == ENVIRONMENT:
        return environment_name(option.name)
    return "%s, %s" % (source, option.name)

"""Reads pilot.json in the toolbox's layout into layers of settings: later layers win.

`{"DefaultSetup": s, "Defaults": {...}, "Setups": {s: {...}}, "VOs": {vo: {...}}, "CEs": {ce: {...,
"Queues": {q: {...}}}}}`; in each place option names with their values, or a flat object of option
names. An extension may read another layout (`packages.Package.profile`).
"""

import json
from typing import TYPE_CHECKING, Any, Callable, Dict, Iterable, List, NamedTuple, Optional, Sequence, Tuple

from pilot.errors import UsageError
from pilot.engine.settings import Layer, Settings
from pilot.values import did_you_mean

if TYPE_CHECKING:
    from pilot.engine.packages import ProfileReader

NAME = "pilot.json"
_PLACES = ("Defaults", "Setups", "VOs", "CEs")
_NAMES = ("DefaultSetup",)


class Where(NamedTuple):
    """The part of a profile that applies; None or "" where it is unknown."""

    setup: Optional[str] = None
    vo: Optional[str] = None
    ce: Optional[str] = None
    queue: Optional[str] = None
    ce_type: Optional[str] = None


class Profile(NamedTuple):
    """The layers that apply, lowest first; `strict` when unknown keys are errors (our own
    layout)."""

    layers: Tuple[Layer, ...]
    strict: bool
    # a sentence for each named VO, CE ... that the profile does not have
    doubts: Tuple[str, ...] = ()

    def unknown_keys(self, known: Iterable[str]) -> List[str]:
        """A sentence for each key of our own layout that no loaded command declares."""
        names = set(known)
        if not self.strict:
            return []
        return ["%s: unknown key %r%s" % (layer.source, key, did_you_mean(key, names))
                for layer in self.layers for key in layer.values if key not in names]


def load(path: str) -> Dict[str, object]:
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
        raise UsageError(
            "%s: holds a %s, must hold a JSON object {...}" % (path, type(data).__name__)
        )
    return data


def read(data: Dict[str, object], where: Where, name: str = "pilot.json") -> Profile:
    """The layers of a profile that apply to `where`; UsageError names a part of the wrong type."""
    where = where._replace(setup=where.setup or nonempty_text(data.get("DefaultSetup")))
    return Profile(
        tuple(_own(data, where, name)),
        True,
        tuple(unlisted_places(data, where, name, ("Setups", "VOs", "CEs"))),
    )


def read_all(
    texts: Sequence[Tuple[Dict[str, object], str]],
    known: Settings,
    settle: Callable[[Tuple[Layer, ...]], Settings],
    foreign: "Optional[ProfileReader]" = None,
) -> Tuple[Profile, ...]:
    """Each of these (data, name) as a profile. A profile may itself set the VO, CE or queue: then
    those parts of it apply too, so `settle` makes the settings again with these layers."""
    profiles: Tuple[Profile, ...] = ()
    for _ in range(3):
        where = Where(*(known[name] for name in ("setup", "vo", "ce", "queue", "ce_type")))
        profiles = tuple(
            foreign and foreign(data, where, name) or read(data, where, name)
            for data, name in texts
        )
        known = settle(tuple(layer for profile in profiles for layer in profile.layers))
    return profiles


def unlisted_places(
    data: Dict[str, object], where: Where, name: str, places: Iterable[str]
) -> List[str]:
    """A sentence for each named place that a part of the profile for its kind does not list."""
    named = {"Setups": where.setup, "VOs": where.vo, "CEs": where.ce}
    notes = []
    for place in places:
        known, word = data.get(place), named[place]
        if word and isinstance(known, dict) and known and word not in known:
            notes.append(
                "%s has nothing for %s under %s%s" % (name, word, place, did_you_mean(word, known))
            )
    queues = find_part(data, ("CEs", where.ce, "Queues"), name)
    if where.queue and queues and where.queue not in queues:
        notes.append(
            "%s has nothing for queue %s of %s%s"
            % (name, where.queue, where.ce, did_you_mean(where.queue, queues))
        )
    return notes


def _own(data: Dict[str, object], where: Where, name: str) -> List[Layer]:
    flat = {
        k: v for k, v in data.items() if k not in _PLACES + _NAMES and not k.startswith(("_", "#"))
    }
    layers = [Layer(name, flat)] if flat else []
    for path in (
        ("Defaults",),
        ("Setups", where.setup),
        ("VOs", where.vo),
        ("CEs", where.ce),
        ("CEs", where.ce, "Queues", where.queue),
    ):
        part = find_part(data, path, name)
        if part:
            own = {k: v for k, v in part.items() if k != "Queues" and not k.startswith(("_", "#"))}
            layers.append(Layer("%s: %s" % (name, "/".join(str(step) for step in path)), own))
    return layers


def find_part(data: Dict[str, object], path: Tuple[Optional[str], ...], name: str) -> Dict[str, object]:
    """The object at a path of keys, {} where a step is unknown or missing; UsageError when a part
    is no object."""
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


def nonempty_text(value: object) -> Optional[str]:
    """The value if it is a text with at least one character, else None."""
    return value if isinstance(value, str) and value else None

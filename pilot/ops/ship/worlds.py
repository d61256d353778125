"""All worlds by name, and what each of them cannot use. A new world is one row beside its writer."""

from typing import Dict, FrozenSet, List

from pilot.ops.ship import batch, cloud, service, volunteer
from pilot.ops.ship.order import World

WORLDS: Dict[str, World] = {
    world.name: world
    for world in batch.WORLDS + service.WORLDS + volunteer.WORLDS + cloud.WORLDS
}


def useless_options(
    world: World, given: Dict[str, object], default: Dict[str, object]
) -> List[str]:
    """A sentence for each option that was given and has no effect on the files of this world."""
    known: FrozenSet[str] = frozenset().union(*(one.options for one in WORLDS.values()))
    return [
        "%s has no --%s: it would change nothing there" % (world.name, name)
        for name in sorted(known - world.options)
        if given.get(name) != default.get(name)
    ]

"""All worlds by name, and the options that a world cannot use. To add a world, add one row to the
module that writes its files."""

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
    """Return a sentence for each given option that has no effect on the files of this world."""
    known: FrozenSet[str] = frozenset().union(*(one.options for one in WORLDS.values()))
    return [
        "%s has no --%s: it would change nothing there" % (world.name, name)
        for name in sorted(known - world.options)
        if given.get(name) != default.get(name)
    ]

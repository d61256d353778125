"""How the tasks of a pool are shared out over the sites: each task is wanted once. Pure functions."""

import math
from typing import Dict, List, NamedTuple, Sequence, Tuple

from pilot.ops.factory.config import Site
from pilot.pool.interface import Need

# what a site may lack for a task: one that lacks a later word comes closer to running it
LACKS = ("cores", "memory", "gpus", "time", "tags", "containers")
START_S = 60.0  # the time of a slot that a pilot needs before its first task


class Place(NamedTuple):
    """A site with its room: `room` more pilots could work there, beside those that have tasks;
    `open` says whether it may get pilots now."""

    site: Site
    room: float
    open: bool = True


class Share(NamedTuple):
    """A site's part of the tasks: how many, and the pilots that would run them all at once."""

    tasks: int
    pilots: int


class Sharing(NamedTuple):
    """The shares by site, and a sentence for each need that no site can meet."""

    shares: Dict[str, Share]
    unmet: List[str]


def tasks_per_pilot(site: Site, need: Need) -> int:
    """How many of these tasks a pilot of this site runs at once; 0 if it can run none."""
    if find_lack(site, need):
        return 0
    counts = [site.cores // max(1, need.cores)]
    if site.memory_mb is not None and need.memory_mb:
        counts.append(site.memory_mb // need.memory_mb)
    if need.gpus:
        counts.append(site.gpus // need.gpus)
    return max(0, min(counts))


def find_lack(site: Site, need: Need) -> str:
    """What a pilot of this site lacks for these tasks, one of LACKS; "" if it can run them."""
    if need.cores > site.cores:
        return "cores"
    if site.memory_mb is not None and need.memory_mb > site.memory_mb:
        return "memory"
    if need.gpus > site.gpus:
        return "gpus"
    if site.walltime_s is not None and need.walltime_s > site.walltime_s - START_S:
        return "time"
    if not set(need.tags) <= set(site.tags):
        return "tags"
    return "containers" if need.container and not site.containers else ""


def share_tasks(needs: Sequence[Need], places: Sequence[Place]) -> Sharing:
    """Share the claimable tasks over the places: by `prefer`, as far as there is room, then by
    `weight`. What exceeds all room counts for the preferred sites."""
    tasks: Dict[str, int] = {place.site.name: 0 for place in places}
    pilots: Dict[str, float] = {place.site.name: 0.0 for place in places}
    room = {place.site.name: max(0.0, place.room) for place in places}
    unmet: List[str] = []
    for need in needs:
        able = {one.site.name: tasks_per_pilot(one.site, need) for one in places}
        fitting = [one for one in places if able[one.site.name]]
        if need.todo and not fitting:
            unmet.append(_describe_unmet(need, [place.site for place in places]))
        chosen = [place for place in fitting if place.open] or fitting
        for name, count in _share_need(need.todo, chosen, able, room).items():
            tasks[name] += count
            pilots[name] += count / able[name]
            room[name] = max(0.0, room[name] - count / able[name])
    # a sum of thirds may be a little more than the whole number that it stands for
    shares = {name: Share(tasks[name], math.ceil(pilots[name] - 1e-9)) for name in tasks}
    return Sharing(shares, unmet)


def _share_need(
    count: int, places: List[Place], able: Dict[str, int], room: Dict[str, float]
) -> Dict[str, int]:
    given: Dict[str, int] = {}
    left = count
    levels = sorted({place.site.prefer for place in places}, reverse=True)
    for level in levels:
        group = [place for place in places if place.site.prefer == level]
        while left > 0 and group:
            parts = _split_by_weight(left, group)
            full = []
            for place in group:
                name = place.site.name
                free = math.floor(room[name] * able[name] + 1e-9) - given.get(name, 0)
                taken = min(parts[name], max(0, free))
                given[name] = given.get(name, 0) + taken
                left -= taken
                if taken < parts[name]:
                    full.append(place)
            if not full:
                break
            group = [place for place in group if place not in full]
    if left > 0 and places:
        first = [place for place in places if place.site.prefer == levels[0]]
        for name, part in _split_by_weight(left, first).items():
            given[name] = given.get(name, 0) + part
    return given


def _split_by_weight(count: int, places: List[Place]) -> Dict[str, int]:
    """Whole numbers in proportion to the weights, which add up to `count`; the largest remainders
    get the rest."""
    total = sum(place.site.weight for place in places)
    exact = [(place.site.name, count * place.site.weight / total) for place in places]
    parts = {name: int(part) for name, part in exact}
    rest = count - sum(parts.values())
    for name, _ in sorted(exact, key=lambda one: (parts[one[0]] - one[1], one[0]))[:rest]:
        parts[name] += 1
    return parts


def _describe_unmet(need: Need, sites: List[Site]) -> str:
    """A sentence about tasks that no site can run: what the site that comes closest lacks."""
    lacks = [find_lack(site, need) for site in sites]
    lack = max(lacks, key=LACKS.index)
    words = {
        "cores": "%d cores, the largest site offers %d"
        % (need.cores, max(site.cores for site in sites)),
        "memory": "%d MB, the largest site offers %d"
        % (need.memory_mb, max(site.memory_mb or 0 for site in sites)),
        "gpus": "%d GPUs, the largest site offers %d"
        % (need.gpus, max(site.gpus for site in sites)),
        "time": "%.0f s, the longest slot has %.0f s"
        % (need.walltime_s, max(site.walltime_s or 0 for site in sites)),
        "tags": "the tags %s, which no suitable site offers together" % ", ".join(need.tags),
        "containers": "containers, which no suitable site has: `containers = no`",
    }
    return "%d tasks need %s" % (need.todo, words[lack])


def total_tasks(needs: Sequence[Need]) -> Tuple[int, int, int]:
    """All tasks of these needs: claimable, waiting for another attempt, locked."""
    return (
        sum(need.todo for need in needs),
        sum(need.waiting for need in needs),
        sum(need.locked for need in needs),
    )

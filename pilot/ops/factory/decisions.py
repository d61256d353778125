"""The decisions of a cycle for all sites. Reads the book and the answers of a cycle; writes
nothing."""

import logging
import math
from typing import Dict, List, NamedTuple, Optional, Sequence, Tuple, Union

from pilot.base import log as logs
from pilot.ops.factory import demand, outcome, supply
from pilot.ops.factory.book import Book, Pilot
from pilot.ops.factory.config import Farm, Site
from pilot.ops.factory.decision import Decision, decide
from pilot.ops.factory.downtime import current_window
from pilot.ops.factory.guards import CANARY_S, Limits
from pilot.ops.factory.jobs import JobList
from pilot.ops.factory.notes import KEEP_CAP_S, Level, Refusal
from pilot.ops.factory.policy import SiteState
from pilot.ops.factory.supply import Counts
from pilot.pool.interface import Demand

LATELY_S = 60.0
GAVE_UP_S = 180.0  # a pilot that ends so soon after the pool is back has given up before
KEEP_WANTED_S = 3600.0
HISTORY_S = 86400.0
log = logging.getLogger("pilot.factory")


class SiteReport(NamedTuple):
    """A site after a cycle."""

    site: Site
    counts: Counts
    state: SiteState
    limits: Limits
    decision: Decision
    idle: Optional[int] = None  # running pilots without a task; None: not known
    unmet: Tuple[str, ...] = ()  # sentences about tasks of its pool that no site can run

    @property
    def level(self) -> Level:
        """The numbers that are shown."""
        known = None if self.limits.unknown else self.state.demand
        return Level(known, self.counts.pending, self.counts.running, self.counts.held, self.idle)


def list_unmet(reports: Sequence[SiteReport]) -> List[str]:
    """The sentences about tasks that no site can run, each once."""
    return list(dict.fromkeys(sentence for report in reports for sentence in report.unmet))


class Asked(NamedTuple):
    """The answers of a cycle; a text says why there is none. `own` has the demand of the sites that
    do not take it from a pool."""

    pools: Dict[str, Union[Demand, str]]
    systems: Dict[str, Union[JobList, str]]
    own: Dict[str, Union[int, str]] = {}

    def demand_of(self, site: Site) -> Union[Demand, int, str]:
        """The answer that says what this site's pilots are wanted for."""
        return self.own[site.name] if site.name in self.own else self.pools[site.pool]


def decide_all(farm: Farm, book: Book, asked: Asked) -> List[SiteReport]:
    """A decision for each site, in the order of the file. What is decided for one site counts
    towards `max_total` for the next."""
    live: Dict[str, List[Pilot]] = {site.name: [] for site in farm.sites}
    for pilot in book.live_pilots():
        live.setdefault(pilot.site, []).append(pilot)
    total = sum(len(pilots) for pilots in live.values())
    total += sum(intent.pilots for intent in book.open_intents())
    reports: List[SiteReport] = []
    for url, answer in asked.pools.items():
        sites = [site for site in farm.sites if site.pool == url]
        for report in _decide_pool(farm, book, asked, sites, answer, live, total):
            total += report.decision.submit
            reports.append(report)
    order = {site.name: at for at, site in enumerate(farm.sites)}
    return sorted(reports, key=lambda report: order[report.site.name])


def _decide_pool(
    farm: Farm, book: Book, asked: Asked, sites: Sequence[Site],
    answer: Union[Demand, str], live: Dict[str, List[Pilot]], total: int,
) -> List[SiteReport]:
    """The decisions for the sites of one pool, whose tasks are shared out once."""
    limits = {site.name: limits_of(farm, book, asked, site, live[site.name]) for site in sites}
    away = _find_away(book, sites, book.notes.pool_back(sites[0].pool))
    if away:
        limits = {
            name: one._replace(unknown=one.unknown or away) for name, one in limits.items()
        }
    known = answer if isinstance(answer, Demand) else Demand([], {})
    busy = {site.name: _count_busy(known, live[site.name]) for site in sites}
    plan = demand.share_tasks(known.needs, [
        demand.Place(site, site.max_running - busy[site.name], is_open(limits[site.name]))
        for site in sites
        if site.name not in asked.own
    ])
    for sentence in plan.unmet:
        log.warning("%s", logs.printable(sentence))
    reports = []
    for site in sites:
        pilots = live[site.name]
        if site.name in asked.own:  # it counts pilots, those at work included
            wanted = _wanted_by_source(book, site, asked.own[site.name], pilots)
        else:
            wanted = _wanted_by_pool(
                book, site, known, pilots, busy[site.name], plan.shares[site.name]
            )
        state = _site_state(book, site, pilots, wanted)
        mine = limits[site.name]._replace(total=total)
        decision = decide(site, state, mine)
        total += decision.submit
        counts, unmet = supply.count_pilots(pilots), () if site.name in asked.own else plan.unmet
        idle = None if known.holders is None else max(0, counts.running - busy[site.name])
        reports.append(SiteReport(site, counts, state, mine, decision, idle, tuple(unmet)))
    return reports


class _Wanted(NamedTuple):
    """What a site's pilots are wanted for."""

    pilots: int
    tasks: int
    supply: int


def _wanted_by_source(
    book: Book, site: Site, answer: Union[int, str], pilots: Sequence[Pilot]
) -> _Wanted:
    number = answer if isinstance(answer, int) else 0
    free = supply.count_supply(pilots, None, site.walltime_s, book.clock.boot_s())
    return _Wanted(number, number, free)


def _wanted_by_pool(
    book: Book, site: Site, known: Demand, pilots: Sequence[Pilot], busy: int, share: demand.Share
) -> _Wanted:
    free = _count_supply(book, site, known, pilots, busy)
    return _Wanted(share.pilots + busy, share.tasks, free)


def _site_state(book: Book, site: Site, pilots: Sequence[Pilot], wanted: _Wanted) -> SiteState:
    counts, silent_s = supply.count_pilots(pilots), book.silent_s(site.name)
    return SiteState(
        wanted.pilots, wanted.tasks, counts.running, counts.pending, wanted.supply,
        book.notes.wanted(site.name, KEEP_WANTED_S), math.inf if silent_s is None else silent_s,
    )


def _count_supply(
    book: Book, site: Site, known: Demand, pilots: Sequence[Pilot], busy: int
) -> int:
    """The pilots that have tasks, which are demand as well, and those that can still take one."""
    times = [need.walltime_s for need in known.needs
             if need.todo and demand.tasks_per_pilot(site, need)]
    idle = [one for one in pilots if one.pilot not in (known.holders or {})]
    free = supply.count_supply(
        idle, min(times) if times else None, site.walltime_s, book.clock.boot_s()
    )
    return free + (busy if known.holders is not None else 0)


def _find_away(book: Book, sites: Sequence[Site], back: float) -> str:
    """A sentence if a pilot of one of these sites could not reach the pool lately: that is no
    site's fault, and all wait. Pilots that gave up before the pool was `back` (UNIX time) say
    nothing."""
    for site in sites:
        ended = [
            pilot
            for pilot in judged_pilots(book, site, CANARY_S)
            if (pilot.ended or 0.0) > back + GAVE_UP_S
        ]
        if outcome.judge_site(ended, (), site.per_node, 0.0).server_away:
            return "pilot %s could not reach the pool (exit code 50)" % ended[0].pilot
    return ""


def _count_busy(known: Demand, pilots: Sequence[Pilot]) -> int:
    """How many of these pilots have tasks."""
    if known.holders is not None:
        return sum(pilot.pilot in known.holders for pilot in pilots)
    locked = demand.total_tasks(known.needs)[2]
    return min(locked, supply.count_pilots(pilots).running)


def is_open(limits: Limits) -> bool:
    """Whether pilots may be submitted, as far as the site itself goes."""
    return not (
        limits.mode == "offline" or limits.paused or limits.unknown or limits.stopped
        or limits.quarantine or limits.downtime_left_s is not None or limits.back_off_s > 0
    )


def _learned_cap(refusal: Optional[Refusal], now_s: float) -> Optional[int]:
    """The jobs that the batch system allowed us, for some minutes: the limit may have changed, or
    other jobs of ours may have ended."""
    fresh = refusal is not None and now_s < refusal.until_s + KEEP_CAP_S
    return refusal.cap if refusal is not None and fresh else None


def judged_pilots(book: Book, site: Site, seconds: float) -> List[Pilot]:
    """The pilots that ended within so many seconds and since `resume`, the last first."""
    since = book.notes.judged_since(site.name)
    return [
        pilot
        for pilot in book.judged_pilots(site.name, seconds)
        if pilot.ended is not None and pilot.ended > since
    ]


def avoid_of(book: Book, site: Site) -> Tuple[str, ...]:
    """The nodes of a site that failed pilots lately."""
    ended = judged_pilots(book, site, outcome.AVOID_S)
    return tuple(outcome.judge_site(ended, (), site.per_node, 0.0).avoid)


def limits_of(
    farm: Farm, book: Book, asked: Asked, site: Site, live: Sequence[Pilot]
) -> Limits:
    """What the guards need to know of this site."""
    verdict = outcome.judge_site(
        judged_pilots(book, site, HISTORY_S), live, site.per_node, book.clock.boot_s()
    )
    unknown = [one for one in (asked.demand_of(site), asked.systems[site.backend])
               if isinstance(one, str)]
    window = current_window(site.downtime, book.clock.unix_s())
    refusal = book.notes.refusal(site.name)
    counts = supply.count_pilots(live)
    doubtful = sum(one.pilots for one in book.open_intents() if one.site == site.name)
    silent_s = book.silent_s(site.name)
    return Limits(
        mode=site.mode,
        paused=book.notes.switches().get(site.name, ""),
        downtime_left_s=window.end - book.clock.unix_s() if window else None,
        unknown="; ".join(unknown),
        back_off_s=max(0.0, refusal.until_s - book.clock.boot_s()) if refusal else 0.0,
        back_off_why=refusal.why if refusal else "",
        stopped=verdict.stopped,
        quarantine=verdict.quarantine,
        canary_age_s=math.inf if silent_s is None else silent_s,
        pending=counts.pending + doubtful,
        held=counts.held,
        running=counts.running,
        max_pending=site.max_pending,
        max_running=site.max_running,
        learned_cap=_learned_cap(refusal, book.clock.boot_s()),
        max_total=farm.max_total,
        max_per_cycle=site.max_per_cycle,
        rate_per_min=site.rate_per_min,
        lately=book.count_lately(site.name, LATELY_S),
    )

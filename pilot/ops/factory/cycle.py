"""One cycle of the factory: ask, decide, write down, act."""

import logging
import os
import sqlite3
from typing import (
    Callable, Dict, Iterable, List, NamedTuple, Optional, Sequence, Set, Tuple, Union,
)

from pilot.base import log as logs
from pilot.errors import NodeUnfit, UsageError
from pilot.ops.factory import book as books, supply
from pilot.ops.factory.backends.backend import Backend
from pilot.ops.factory.book import Book, Pilot
from pilot.ops.factory.config import Farm, Site
from pilot.ops.factory.decisions import (
    KEEP_WANTED_S, Asked, SiteReport, avoid_of, decide_all, list_unmet,
)
from pilot.ops.factory.jobs import JobList, Job, MayHaveHappened, NoAnswer, SubmissionRefused, TooMany
from pilot.ops.factory.outputs import cut_outputs
from pilot.ops.factory.report import with_report
from pilot.ops.factory.reporting import state_word
from pilot.ops.factory.source import POOL, DemandSource
from pilot.ops.factory.submission import (
    Mint, PilotFiles, code_of, folder_of, new_tag, remove_folder, tidy_folder,
)
from pilot.ops.factory.use import read_use
from pilot.pool.interface import Busy, Demand

TIDY_AT_ONCE = 100  # submissions in one cycle
HEARD_S = 300.0  # a pilot that its server heard so lately has not ended
LOOK_FOR_S = 120.0  # how long a doubtful submission is looked for
log = logging.getLogger("pilot.factory")


class Access(NamedTuple):
    """What a cycle touches: batch systems, pools, tokens."""

    backend: Callable[[str], Backend]
    read_demand: Callable[[str], Demand]  # by URL; raises Busy
    # those of a pool's pilots that were heard within so many seconds; raises Busy
    heard: Callable[[str, Sequence[str], float], Set[str]]
    read_source: Callable[[DemandSource], int]  # raises NoAnswer
    mint_of: Callable[[Site], Optional[Mint]]
    files: PilotFiles
    stopping: Callable[[], bool] = lambda: False  # whether the factory is about to end


def run_cycle(farm: Farm, book: Book, access: Access) -> List[SiteReport]:
    """Ask, write down what has changed, decide for each site, and submit. A site that fails does
    not stop the others. NodeUnfit when the book cannot be written: nothing is submitted then."""
    try:
        return _run_cycle(farm, book, access)
    except sqlite3.Error as error:
        raise NodeUnfit("%s: the book cannot be written: %s; nothing is submitted" % (farm.book, error))


def _run_cycle(farm: Farm, book: Book, access: Access) -> List[SiteReport]:
    live = book.live_backends()
    asked = ask_all(farm, access, live, book)
    book.notes.note_pools({url: not isinstance(one, str) for url, one in asked.pools.items()})
    working = {
        pilot
        for one in asked.pools.values()
        if isinstance(one, Demand)
        for pilot in (one.holders or {})
    }
    for name in asked.systems:
        asked.systems[name] = _note_jobs(
            farm, book, access, name, asked.systems[name], live.get(name, []), working
        )
    reports = decide_all(farm, book, asked)
    with book.writing():
        for report in reports:
            _note_report(book, report)
        book.notes.note_unmet(list_unmet(reports))
    for report in reports:
        if report.decision.submit and not access.stopping():
            submit(farm, book, access, report.site, report.decision.submit, avoid_of(book, report.site))
    tidy(farm, book)
    return reports


def _note_report(book: Book, report: SiteReport) -> None:
    site, decision = report.site.name, report.decision
    log.info("%s", logs.printable(decision.line))
    book.notes.note_decision(site, decision.line, decision.submit)
    book.notes.note_state(site, state_word(report))
    book.notes.note_wanted(site, decision.wanted, KEEP_WANTED_S)
    book.notes.note_level(site, report.level)


def tidy(farm: Farm, book: Book) -> None:
    """Remove scripts and tokens of submissions that have ended and cut their long outputs; remove
    what is older than `keep_days`, and the oldest beyond `keep_outputs_mb`."""
    for tag in book.ended_submissions(TIDY_AT_ONCE):
        tidy_folder(farm.book, tag)
        book.note_kept(tag, cut_outputs(folder_of(farm.book, tag)))
        book.note_outcome(tag, books.CLOSED, "")
    for tag in book.oldest_kept(farm.keep_outputs_mb):
        remove_folder(farm.book, tag)
        book.note_kept(tag, 0.0)
    for tag in book.forget(farm.keep_days * 86400.0):
        remove_folder(farm.book, tag)


def preview(farm: Farm, book: Book, access: Access) -> List[SiteReport]:
    """The decisions of a cycle that submits nothing and writes nothing down."""
    return decide_all(farm, book, ask_all(farm, access, ()))


def ask_all(
    farm: Farm, access: Access, more: Iterable[str], book: Optional[Book] = None
) -> Asked:
    """One question to each pool and to each batch system; `more` are batch systems that no site
    uses any more, but that have pilots of ours. With a book one that did not answer is asked less
    often."""
    pools: Dict[str, Union[Demand, str]] = {}
    systems: Dict[str, Union[JobList, str]] = {}
    for url in sorted({site.pool for site in farm.sites}):
        try:
            pools[url] = access.read_demand(url)
        except (Busy, UsageError) as error:
            pools[url] = "the pool: %s" % error
            log.warning("%s", logs.printable(str(error)))
    own: Dict[str, Union[int, str]] = {}
    for site in farm.sites:
        if site.demand.kind != POOL:
            try:
                own[site.name] = access.read_source(site.demand)
            except NoAnswer as error:
                own[site.name] = "the demand: %s" % error
                log.warning("%s: %s", site.name, logs.printable(str(error)))
    for name in sorted({site.backend for site in farm.sites}.union(more)):
        systems[name] = _ask_system(farm, access, name, book)
    return Asked(pools, systems, own)


def _ask_system(
    farm: Farm, access: Access, name: str, book: Optional[Book]
) -> Union[JobList, str]:
    """The jobs of a batch system, or why they are not known."""
    before = book.notes.question(name) if book else None
    if book and before and book.clock.boot_s() < before.until_s:
        return "%s: asked again in %.0f s: %s" % (
            name, before.until_s - book.clock.boot_s(), before.why)
    why = ""
    try:
        return access.backend(name).list_jobs()
    except NoAnswer as error:
        why = str(error)
        log.warning("%s: %s", name, logs.printable(why))
        return "%s: %s" % (name, why)
    finally:
        if book:
            book.notes.note_question(name, why, farm.cycle_s)


def _note_jobs(
    farm: Farm, book: Book, access: Access, name: str, answer: Union[JobList, str],
    live: List[Pilot], working: Set[str],
) -> Union[JobList, str]:
    """Apply the answer of the batch system with this name to the book, in which it has these live pilots;
    `working` have tasks. Returns why it cannot be believed."""
    backend = access.backend(name)
    if isinstance(answer, str):
        return answer
    doubt = supply.find_doubt(live, answer)
    now = (book.clock.unix_s(), book.clock.boot_s())
    if doubt and not book.notes.believe(name, doubt, supply.BELIEVED_S):
        log.warning("%s: %s", name, doubt)
        return "%s: %s" % (name, doubt)
    if not doubt:
        book.notes.believe(name, "", 0.0)
    update = supply.update_pilots(live, answer, _list_alive(farm, access, working, live, answer), now)
    changed = [
        with_report(pilot, backend, folder_of(farm.book, pilot.tag)) if pilot.ended else pilot
        for pilot in update.changed
    ]
    book.update_pilots(changed)
    _note_uses(farm, book, changed)
    _note_unknown(farm, book, name, update.unknown, now)
    _end_intents(book, name, answer)
    return answer


def _list_alive(
    farm: Farm, access: Access, working: Set[str], live: List[Pilot], answer: JobList
) -> Set[str]:
    """The pilots that work though the batch system does not show them: they hold tasks, or their
    server has heard them. One whose server cannot be asked may work."""
    shown = answer.by_pilot()
    absent = [pilot for pilot in live if pilot.pilot not in shown]
    alive = working.intersection(pilot.pilot for pilot in absent)
    pools = {site.name: site.pool for site in farm.sites}
    missing: Dict[str, List[str]] = {}
    for pilot in absent:
        if pilot.pilot not in alive and pilot.site in pools:
            missing.setdefault(pools[pilot.site], []).append(pilot.pilot)
    for url, pilots in missing.items():
        try:
            alive |= access.heard(url, pilots, HEARD_S)
        except (Busy, UsageError) as error:
            log.warning("%s", logs.printable(str(error)))
            alive.update(pilots)
    return alive


def _note_uses(farm: Farm, book: Book, changed: List[Pilot]) -> None:
    """Write down how the pilots that have just ended used their slots."""
    uses = {
        pilot.pilot: read_use(os.path.join(folder_of(farm.book, pilot.tag), "job-%d" % pilot.number))
        for pilot in changed
        if pilot.ended
    }
    book.note_uses({pilot: use for pilot, use in uses.items() if use is not None})


def _note_unknown(
    farm: Farm, book: Book, name: str, unknown: Dict[str, List[Job]], now: Tuple[float, float]
) -> None:
    """Jobs that no live pilot stands for: of a doubtful submission, or of a lost book."""
    intents = {intent.tag: intent for intent in book.open_intents()}
    for tag, jobs in unknown.items():
        intent = intents.get(tag)
        if intent is not None:
            log.warning("the submission %s has happened: %d jobs", tag, len(jobs))
            book.note_sent(tag, "", [])
            book.update_pilots(supply.adopt_jobs(jobs, intent.site, now))
        elif tag[1:4] == code_of(farm.book) and not book.knows_tag(tag):
            site = next((one.name for one in farm.sites if one.backend == name), "")
            log.warning("the book does not know %s: its %d jobs are adopted", tag, len(jobs))
            book.adopt(tag, site, name, len(jobs))
            book.update_pilots(supply.adopt_jobs(jobs, site, now))


def _end_intents(book: Book, name: str, answer: JobList) -> None:
    """Close submissions that were looked for long enough."""
    shown = {job.tag for job in answer.jobs}
    for intent in book.open_intents():
        age_s = book.clock.boot_s() - intent.made_s
        if intent.backend == name and intent.tag not in shown and age_s > LOOK_FOR_S:
            book.note_outcome(intent.tag, books.LOST, "it was looked for and not found")
            log.warning("the submission %s did not happen", intent.tag)


def submit(
    farm: Farm, book: Book, access: Access, site: Site, count: int, avoid: Tuple[str, ...] = ()
) -> bool:
    """Submit this many pilots. Where the batch system takes no more jobs of this user: half of them,
    then half of the rest, until its limit is known. Returns whether all were submitted."""
    try:
        return _submit_once(farm, book, access, site, count, avoid)
    except TooMany as error:
        log.warning("%s: the batch system does not take %d more: %s", site.name, count, error)
        if count > 1:
            return all(
                not access.stopping() and submit(farm, book, access, site, part, avoid)
                for part in (count // 2, count - count // 2)
            )
        book.notes.note_cap(site.name, str(error), len(book.live_pilots(site.name)))
        return False


def _submit_once(
    farm: Farm, book: Book, access: Access, site: Site, count: int, avoid: Tuple[str, ...]
) -> bool:
    """Write the intent down, then make one submission. Whatever happens, its tag is never used
    again. TooMany if the batch system takes fewer jobs of this user."""
    backend, tag = access.backend(site.backend), new_tag(farm.book)
    book.note_intent(
        tag, site.name, site.backend, count, access.files.sha256, site.cores, site.walltime_s
    )
    try:
        submission = access.files.write_submission(
            site, tag, count, farm.book, backend, access.mint_of(site)
        )
    except (OSError, Busy, UsageError) as error:
        log.error("%s: nothing is submitted: %s", site.name, error)
        book.note_outcome(tag, books.REFUSED, str(error))
        return False
    try:
        system_id = backend.submit(submission._replace(avoid=avoid))
    except SubmissionRefused as error:
        book.note_outcome(tag, books.REFUSED, str(error))
        remove_folder(farm.book, tag)
        if isinstance(error, TooMany):
            raise
        log.error("%s: refused: %s", site.name, error)
        book.notes.note_refusal(site.name, str(error))
    except MayHaveHappened as error:
        log.error("%s: the submission %s may have happened: %s", site.name, tag, error)
        book.note_outcome(tag, books.DOUBTFUL, str(error))
    else:
        jobs = backend.job_ids(system_id, count)
        book.note_sent(tag, system_id, jobs, backend.first_number)
        book.notes.end_back_off(site.name)
        log.info("%s: submitted %d pilots as %s (%s)", site.name, count, tag, system_id)
        return True
    return False

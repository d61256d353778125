"""A pilot's whole life: the workdir made ready, the plan run, the report and summary written on
every way out."""

import logging
import os
import sys
import time
from typing import TYPE_CHECKING, Callable, Dict, List, Optional, Sequence, Tuple, Type

from pilot import VERSION, values
from pilot.engine import keeper, program, report, runner
from pilot.base import log
from pilot.command import Command
from pilot.context import Context
from pilot.errors import InstallFailed, NodeUnfit, Stopped, UsageError, signal_name
from pilot.events import event as events
from pilot.events.console import ConsoleSink
from pilot.events.file import FileSink
from pilot.events.stream import Stream
from pilot.events.tally import TaskTally
from pilot.facts import WorkerNode
from pilot.base.interrupts import Interrupts, ignore_signal
from pilot.hosts import find_hosts
from pilot.engine.request import Request
from pilot.events.endings import AttemptOutcome

if TYPE_CHECKING:
    from pilot.events.far import Far

LOG = "pilot.log"
EVENTS = "pilot-events.jsonl"
FILE = "file:"
HOLD_CODES = (NodeUnfit.exit_code, InstallFailed.exit_code)


class Life:
    """What one run needs from its first line to its report."""

    def __init__(self, request: Request) -> None:
        settings = request.settings
        self.request = request
        self.started = time.time()
        self.began = time.monotonic()
        self.pilot_id: str = settings["pilot_id"] or new_id()
        self.workdir: str = os.path.abspath(
            os.path.expanduser(os.path.expandvars(settings["workdir"]))
        )
        self.report_path: str = os.path.abspath(
            settings["report"] or os.path.join(self.workdir, report.NAME)
        )
        self.hosts = find_hosts(request.environ, settings)
        for host in self.hosts:
            self.report_path = host.resolve_path(self.report_path)
        shared = settings["open_files"] or any(host.shares_files for host in self.hosts)
        self.mode = 0o644 if shared else 0o600
        self.masker = log.Masker()
        for secret in settings.secrets() + log.passwords(str(settings.public())):
            self.masker.add(secret)
        self.tally = TaskTally()
        self.interrupts = Interrupts()
        # an id that was given to us may have lived before: its numbers go on from higher ones
        self.stream = Stream(
            self.pilot_id,
            self.masker,
            int(self.started * 1000) << 10 if settings["pilot_id"] else 1,
        )
        self.outcomes: List[report.CommandOutcome] = []
        self.context = Context(settings, request.environ, self.workdir, self.pilot_id,
                               self.stream, self.interrupts, self.masker)
        self.problems: List[str] = []
        self.far: "Optional[Far]" = None

    def places(self) -> Dict[str, str]:
        """Where things lie, for the summary: what could not be written is not named."""
        found = {
            "log": os.path.join(self.workdir, LOG),
            "events": os.path.join(self.workdir, EVENTS),
            "report": self.report_path,
        }
        return {name: path for name, path in found.items() if os.path.exists(path)}

    def last_words(self, code: int) -> int:
        """What the hosts wait for; returns the exit code that they are to see."""
        tasks = sum(self.tally.counts[key] for key in self.tally.counts if key != AttemptOutcome.LOST)
        failed = (outcome.reason for outcome in self.outcomes if outcome.exit_code)
        reason = next(failed, "") or "; ".join(self.problems)
        seen = code
        if self.hosts:
            from pilot.hosts.host import PilotEnd  # only where there is one
        for host in self.hosts:
            told = host.ended(PilotEnd(code, tasks, bool(self.tally.end), reason))
            seen = told if told != code else seen
        return seen

    def write_report(self, code: int) -> None:
        """The report as far as it is known."""
        text = report.compose_report(
            self.pilot_id, code, self.outcomes, self.tally.counts, self.context.facts(),
            self.request.settings.public(), version=VERSION, host=os.uname().nodename,
            started=log.utc(self.started), seconds=round(time.monotonic() - self.began, 3),
            problems=self.problems, task_failures=self.tally.failures, events_lost=self.stream.lost)
        problem = report.write_report(self.report_path, self.masker.mask_fields(text), self.mode)
        if problem:
            logging.getLogger("pilot").error("%s", problem)


def new_id() -> str:
    """A random UUID (RFC 4122, version 4)."""
    digits = "%032x" % (
        int.from_bytes(os.urandom(16), "big") & ~(0xF << 76) & ~(0x3 << 62) | 0x4 << 76 | 0x2 << 62
    )
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def live(request: Request) -> int:
    """Run the plan of a checked request; returns the pilot's exit code."""
    life = Life(request)
    life.interrupts.install()
    life.interrupts.on_stop = lambda signum: _stopping(life, signum)
    life.interrupts.on_drain = lambda signum: logging.getLogger("pilot").warning(
        "%s: draining", signal_name(signum)
    )
    code = runner.guarded(lambda: _run(life), lambda code, problems: _outside(life, code, problems))
    if code in HOLD_CODES:
        from pilot.engine import hold  # only on a sick node

        hold.hold_slot(life, code)
    # the code stands: a signal that comes now changes nothing
    life.interrupts.on_stop = ignore_signal
    life.stream.emit(
        events.PILOT_FINISHED,
        exit_code=code,
        seconds=round(time.monotonic() - life.began, 3),
        tasks=life.tally.counts,
    )
    if life.far is not None:
        life.far.close(life.interrupts.stop is not None)
    life.write_report(code)
    seen = life.last_words(code)
    log.say(
        report.write_summary(
            code,
            life.outcomes,
            life.tally,
            time.monotonic() - life.began,
            life.places(),
            life.problems,
        )
    )
    return seen


def _run(life: Life) -> int:
    names = [command.name for command in life.request.plan]
    _begin_story(life, names)
    _tell_hosts(life)
    _prepare_workdir(life)
    program.load([name for command in life.request.plan for name in command.uses])
    logger = logging.getLogger("pilot")
    for warning in life.request.warnings:
        logger.warning("%s", warning)
    logger.info(
        "pilot %s, version %s, on %s: %s",
        life.pilot_id,
        VERSION,
        os.uname().nodename,
        ", ".join(names),
    )
    keeper.begin(
        life.context, ask=not any(WorkerNode in command.provides for command in life.request.plan)
    )
    limits = {
        name: values.seconds(text) for name, text in life.request.settings["time_limits"].items()
    }
    ask: Optional[Callable[[Type[Command]], bool]] = None
    if life.request.settings["step"]:
        ask = program.load_part("stepping", "step").ask_to_run
    try:
        runner.run_plan(life.request.plan, life.context, life.outcomes, limits, ask)
    except Stopped:
        pass
    if life.interrupts.stop is not None and not report.final_code(life.outcomes):
        return Stopped(life.interrupts.stop).exit_code
    return report.final_code(life.outcomes)


def _tell_hosts(life: Life) -> None:
    settings, counts = life.request.settings, life.tally.counts
    totals: List[Optional[int]] = []

    def measure() -> Tuple[float, int]:
        from pilot.events import progress  # only where a host asks: a lean file has none that does

        totals[:] = totals or [progress.count_tasks(settings)]
        elapsed_s = time.monotonic() - life.began
        fraction = progress.fraction_done(settings, elapsed_s, counts, totals[0])
        return fraction, counts[AttemptOutcome.DONE] + counts[AttemptOutcome.ERROR]

    for host in life.hosts:
        host.begin(measure)


def _begin_story(life: Life, names: List[str]) -> None:
    """Far places hear of the pilot before anything can go wrong with its workdir."""
    log.set_up(life.masker, life.request.settings["debug"], None)
    settings = life.request.settings
    places = [place for place in settings["events"] if not place.startswith(FILE)]
    more = [one for package in life.request.packages if package.transports
            for one in package.transports(settings, dict(life.request.environ), life.pilot_id)]
    if places or more:
        from pilot.base import pool_token  # only for those who use it
        from pilot.events.far import Far

        life.far = Far(life.stream, life.workdir, life.masker)
        environ = dict(life.request.environ, **pool_token.variables(settings))
        life.far.open(places, environ, more)
    life.stream.attach_sink(life.tally)
    life.stream.emit(
        events.PILOT_STARTED,
        version=VERSION,
        host=os.uname().nodename,
        commands=names,
        pid=os.getpid(),
        python=sys.version.split()[0],
        site=settings["site"] or "",
        ce=settings["ce"] or "",
        queue=settings["queue"] or "",
    )


def _prepare_workdir(life: Life) -> None:
    if life.request.settings["open_files"]:
        os.umask(0o022)
    try:
        os.makedirs(
            life.workdir,
            life.mode | (life.mode & 0o444) >> 2 | (0o011 if os.geteuid() == 0 else 0),
            exist_ok=True,
        )
        os.makedirs(os.path.dirname(life.report_path), exist_ok=True)
        report.keep_former(life.report_path, life.request.environ)
        log_file = os.open(
            os.path.join(life.workdir, LOG),
            os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC,
            life.mode,
        )
        sink = FileSink(os.path.join(life.workdir, EVENTS), life.mode)
    except OSError as error:
        raise NodeUnfit("workdir %s cannot be used: %s: %s; give a writable one with --workdir" % (
            life.workdir, error.filename, error.strerror))
    handlers = log.set_up(life.masker, life.request.settings["debug"], log_file)
    _show_progress(life, handlers[0])
    if life.far is not None:
        life.far.hear_log()
    life.stream.attach_sink(sink)
    life.stream.attach_sink(ConsoleSink())
    for place in life.request.settings["events"]:
        if place.startswith(FILE):
            life.stream.attach_sink(_sink(place[len(FILE):], life.mode))
    space = os.statvfs(life.workdir)
    if not space.f_bavail * space.f_frsize and space.f_blocks:
        raise NodeUnfit("workdir %s: the disk is full" % life.workdir)


def _show_progress(life: Life, console: log.LineHandler) -> None:
    settings = life.request.settings
    if (
        not os.isatty(2)
        or "tasks" not in settings
        or not settings["tasks"]
        or not program.has("pilot.events.progress")
    ):
        return
    from pilot.events import progress  # only for a person at a terminal
    from pilot.events.bar import Bar

    life.stream.attach_sink(
        Bar(2, console, life.tally, progress.count_tasks(life.request.settings) or 0)
    )


def _sink(path: str, mode: int) -> FileSink:
    try:
        return FileSink(path, mode)
    except OSError as error:
        raise UsageError("--events file:%s: %s" % (path, error.strerror))


def _stopping(life: Life, signum: int) -> None:
    """In the signal handler: the essential words first, at once; the rest may take seconds."""
    for host in life.hosts:
        host.stopping(Stopped(signum).exit_code)
    logging.getLogger("pilot").warning("%s: stopping", signal_name(signum))
    life.stream.emit(events.PILOT_STOPPING, signal=signum)
    life.write_report(Stopped(signum).exit_code)


def _outside(life: Life, code: int, problems: Sequence[str]) -> None:
    life.problems += problems
    for problem in problems:
        logging.getLogger("pilot").error("%s", problem)

"""The life of a pilot: prepares the workdir, runs the plan, writes report and summary however the
pilot ends."""

import logging
import os
import time
from typing import List, Sequence

from pilot import VERSION
from pilot.base import log
from pilot.base.interrupts import Interrupts, ignore_signal
from pilot.context import Context
from pilot.engine import keeper, report, run_files, runner
from pilot.engine.event_sinks import EventSinks
from pilot.engine.request import Request
from pilot.errors import InstallFailed, NodeUnfit, Stopped, signal_name
from pilot.hosts import find_hosts

HOLD_CODES = (NodeUnfit.exit_code, InstallFailed.exit_code)


class Life:
    """The state of one run, from its start to its report."""

    def __init__(self, request: Request) -> None:
        settings, environ = request.settings, request.environ
        self.request = request
        self.started, self.began = time.time(), time.monotonic()
        self.pilot_id: str = settings["pilot_id"] or new_id()
        self.hosts = find_hosts(environ, settings)
        self.files = run_files.resolve_files(settings, self.hosts)
        self.sinks = EventSinks(request, self.pilot_id, self.started)
        self.interrupts = Interrupts()
        self.outcomes: List[report.CommandOutcome] = []
        self.context = Context(settings, environ, self.files.workdir, self.pilot_id,
                               self.sinks.stream, self.interrupts, self.sinks.masker)
        self.problems: List[str] = []

    def age_s(self) -> float:
        """Seconds since the run began."""
        return time.monotonic() - self.began

    def write_report(self, code: int) -> None:
        """Write the report with what is known so far."""
        tally = self.sinks.tally
        text = report.compose_report(
            self.pilot_id, code, self.outcomes, tally.counts, self.context.facts(),
            self.request.settings.public(), version=VERSION, host=os.uname().nodename,
            started=log.utc(self.started), seconds=round(self.age_s(), 3),
            problems=self.problems, task_failures=tally.failures,
            events_lost=self.sinks.stream.lost)
        masked = self.sinks.masker.mask_fields(text)
        problem = report.write_report(self.files.report, masked, self.files.mode)
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
    life.interrupts.on_stop = lambda signum: _stop(life, signum)
    life.interrupts.on_drain = lambda signum: logging.getLogger("pilot").warning(
        "%s: draining", signal_name(signum)
    )
    code = runner.guarded(lambda: _run(life), lambda code, problems: _note_problems(life, problems))
    if code in HOLD_CODES:
        from pilot.engine import hold  # only on a sick node

        hold.hold_slot(life, code)
    # the code is final: a signal that comes now does not change it
    life.interrupts.on_stop = ignore_signal
    life.sinks.close(code, round(life.age_s(), 3), life.interrupts.stop is not None)
    life.write_report(code)
    seen = code
    if life.hosts:
        from pilot.engine import host_calls

        seen = host_calls.end_hosts(life, code)
    log.say(
        report.write_summary(
            code,
            life.outcomes,
            life.sinks.tally,
            life.age_s(),
            life.files.existing(),
            life.problems,
        )
    )
    return seen


def _run(life: Life) -> int:
    request = life.request
    life.sinks.open_far(life.files.workdir)
    if life.hosts:
        from pilot.engine import host_calls

        host_calls.begin_hosts(life)
    log_file = run_files.make_folders(life.files, request.settings, request.environ)
    life.sinks.open_local(life.files, log_file)
    run_files.check_space(life.files.workdir)
    runner.load_modules(request.plan)
    _log_start(life)
    keeper.begin(life.context, request.plan)
    ask = runner.ask_by(request.settings)
    try:
        runner.run_plan(request.plan, life.context, life.outcomes, request.time_limits(), ask)
    except Stopped:
        pass
    if life.interrupts.stop is not None and not report.final_code(life.outcomes):
        return Stopped(life.interrupts.stop).exit_code
    return report.final_code(life.outcomes)


def _log_start(life: Life) -> None:
    logger = logging.getLogger("pilot")
    for warning in life.request.warnings:
        logger.warning("%s", warning)
    logger.info(
        "pilot %s, version %s, on %s: %s",
        life.pilot_id,
        VERSION,
        os.uname().nodename,
        ", ".join(command.name for command in life.request.plan),
    )


def _stop(life: Life, signum: int) -> None:
    """In the signal handler: send the essential messages first; the rest may take seconds."""
    for host in life.hosts:
        host.stopping(Stopped(signum).exit_code)
    logging.getLogger("pilot").warning("%s: stopping", signal_name(signum))
    life.sinks.emit_stop(signum)
    life.write_report(Stopped(signum).exit_code)


def _note_problems(life: Life, problems: Sequence[str]) -> None:
    life.problems += problems
    for problem in problems:
        logging.getLogger("pilot").error("%s", problem)

"""Runs a plan, one command at a time: only this module turns exceptions, signals and time limits
into outcomes."""

import logging
import time
import traceback
from typing import Callable, Dict, List, Optional, Sequence, Tuple, Type

from pilot.engine import program, report
from pilot.command import Command
from pilot.context import Context
from pilot.errors import (
    SIGNAL_BASE,
    NodeUnfit,
    OutOfTime,
    PilotError,
    Skip,
    StepFailed,
    Stopped,
    TimeLimit,
    UsageError,
    lacking,
)
from pilot.events import event as events
from pilot.engine.report import CommandOutcome
from pilot.engine.settings import Settings
from pilot.events.endings import CommandStatus

DEFAULT_LIMIT_S = 1800.0
BUG = 1

Ask = Callable[[Type[Command]], bool]


def run_plan(plan: Sequence[Type[Command]], ctx: Context, outcomes: List[CommandOutcome],
             limits: Dict[str, float], ask: Optional[Ask] = None) -> None:
    """Run the commands in order, appending to `outcomes`; the first one that fails ends the pilot.

    `ask` is called before each command (--step); False skips the command.
    """
    for command in plan:
        blocked = _not_run(ctx, outcomes)
        if blocked:
            outcomes.append(CommandOutcome(command.name, CommandStatus.SKIPPED, 0, 0.0, blocked))
            continue
        if ask is not None:
            asked = _asked(command, ctx, ask)
            if asked is not None:
                outcomes.append(asked)
                continue
        outcomes.append(
            run_command(
                command, ctx, limits.get(command.name, command.timeout_s or DEFAULT_LIMIT_S)
            )
        )


def load_modules(plan: Sequence[Type[Command]]) -> None:
    """Import the modules that the commands import when they run: the program's file may vanish."""
    program.load([name for command in plan for name in command.uses])


def ask_by(settings: Settings) -> Optional[Ask]:
    """The function that asks a person before each command, for --step."""
    if not settings["step"]:
        return None
    ask: Ask = program.load_part("stepping", "step").ask_to_run
    return ask


def _asked(command: Type[Command], ctx: Context, ask: Ask) -> Optional[CommandOutcome]:
    """None when the person at the terminal runs the command; a signal at the prompt stops the
    pilot."""
    try:
        with ctx.interrupts.armed(None):
            return (
                None
                if ask(command)
                else CommandOutcome(command.name, CommandStatus.SKIPPED, 0, 0.0, "skipped at the terminal")
            )
    except Stopped as stop:
        return CommandOutcome(command.name, CommandStatus.INTERRUPTED, stop.exit_code, 0.0, str(stop))


def _not_run(ctx: Context, outcomes: Sequence[CommandOutcome]) -> str:
    bad = next((outcome for outcome in outcomes if outcome.exit_code), None)
    return "not run: %s %s" % (bad.command, bad.status) if bad else ""


def run_command(command: Type[Command], ctx: Context, limit_s: float) -> CommandOutcome:
    """Run one command, timed and limited, with its events; never raises."""
    ctx.events.emit(events.COMMAND_STARTED, command=command.name, limit_s=limit_s)
    began = time.monotonic()
    status, code, reason = _attempt(command, ctx, limit_s)
    outcome = CommandOutcome(command.name, status, code, time.monotonic() - began, ctx.masker.mask_text(reason))
    ctx.events.emit(events.COMMAND_FINISHED, **outcome._asdict())
    return outcome


def _attempt(command: Type[Command], ctx: Context, limit_s: float) -> Tuple[str, int, str]:
    try:
        # now, once: a signal handler must not import
        ending_s = command.ending_s(ctx.settings)
        if _is_over(ctx.time_left_s(ending_s)):
            raise OutOfTime(ctx.slot_is_over())
        with ctx.interrupts.armed(limit_s, lambda: ctx.time_left_s(ending_s)):
            _keep_facts(command, ctx, command().run(ctx) or ())
        return CommandStatus.OK, 0, ""
    except Skip as reason:
        return CommandStatus.SKIPPED, 0, str(reason)
    except Stopped as stop:
        return CommandStatus.INTERRUPTED, stop.exit_code, str(stop)
    except TimeLimit as limit:
        if _is_over(ctx.time_left_s(ending_s)):
            return CommandStatus.TIMED_OUT, OutOfTime.exit_code, ctx.slot_is_over()
        return CommandStatus.TIMED_OUT, command.failure.exit_code, str(limit)
    except PilotError as error:
        return CommandStatus.FAILED, error.exit_code, str(error)
    except StepFailed as error:
        return CommandStatus.FAILED, command.failure.exit_code, str(error)
    # the only broad except: the outcome reports a bug
    except (Exception, SystemExit) as bug:
        if lacking(bug):
            return CommandStatus.FAILED, NodeUnfit.exit_code, lacking(bug)
        logging.getLogger("pilot." + command.name).error("%s", traceback.format_exc().rstrip())
        return (
            CommandStatus.CRASHED,
            BUG,
            "%s: %s (a bug: the traceback is in the log)" % (type(bug).__name__, bug),
        )


def _is_over(left_s: Optional[float]) -> bool:
    return left_s is not None and left_s <= 0


def _keep_facts(command: Type[Command], ctx: Context, facts: Tuple[object, ...]) -> None:
    kinds = tuple(type(fact) for fact in facts)
    if kinds != command.provides:
        raise TypeError(
            "%s.run gave %s, its class promises %s"
            % (
                command.name,
                [kind.__name__ for kind in kinds],
                [kind.__name__ for kind in command.provides],
            )
        )
    for fact in facts:
        keep(command.name, ctx, fact)


def keep(command: str, ctx: Context, fact: object) -> None:
    """Make the fact available to later commands, and emit an event for it."""
    ctx.add(fact)
    ctx.events.emit(
        events.FACT_FOUND, command=command, kind=type(fact).__name__, fact=report.jsonable(fact)
    )


def guarded(step: Callable[[], int], tell: Callable[[int, Sequence[str]], None]) -> int:
    """Run the pilot; for an error outside any command calls `tell` with its code and sentences."""
    try:
        return step()
    except UsageError as error:
        problems, code = list(error.problems), error.exit_code
    except PilotError as error:
        problems, code = [str(error)], error.exit_code
    except Stopped as stop:
        problems, code = [str(stop)], stop.exit_code
    except KeyboardInterrupt:  # ^C before the pilot handles signals, or in one of the tools
        problems, code = ["interrupted"], SIGNAL_BASE + 2
    except Exception as bug:  # our own, before or after the commands
        problems, code = (
            ([lacking(bug)], NodeUnfit.exit_code)
            if lacking(bug)
            else ([traceback.format_exc().rstrip()], BUG)
        )
    tell(code, problems)
    return code

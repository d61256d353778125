"""The texts about the program: --help, --list, --plan, --version, and the action --explode."""

import sys
from typing import List, Sequence, Type

from pilot import VERSION
from pilot.engine import program, report
from pilot.base import log
from pilot.engine.cli import ENGINE_OPTIONS
from pilot.command import Command, Option
from pilot.errors import EXIT_CODES
from pilot.engine.packages import source_file
from pilot.engine.registry import commands_by_name
from pilot.engine.settings import option_flag
from pilot.engine.request import Request
from pilot.values import boolean

USAGE = "usage: pilot.py [-X Command1,Command2,...] [-E extension,...] [-F pilot.json] [options]\n"
ABOUT = "Runs the commands in order; the last one launches the agent.\n"


def show(request: Request) -> int:
    """Print the requested text; returns the exit code."""
    settings = request.settings
    if settings["version"]:
        text = "pilot %s, Python %s\n" % (VERSION, sys.version.split()[0])
    elif settings["help"]:
        text = help_text(request)
    elif settings["list"]:
        text = list_text(request)
    elif settings["explode"]:
        text = "unpacked into %s: start %s\n" % (
            settings["explode"],
            program.load_part("onefile", "explode").explode_into(settings["explode"]),
        )
    else:
        text = program.load_part("plan_text", "plan").describe_plan(request)
    masker = log.Masker()
    for secret in log.passwords(text):
        masker.add(secret)
    log.say(masker.mask_text(text))
    return 0


def first_line(command: Type[Command]) -> str:
    """The first line of a command's docstring."""
    return (command.__doc__ or "").strip().split("\n")[0]


def help_text(request: Request) -> str:
    """Usage, the engine's options, every command with its options, the exit codes."""
    lines = [USAGE, ABOUT, "options:"] + _option_lines(ENGINE_OPTIONS)
    for package in request.packages:
        if package.options:
            lines += ["", "%s:" % package.name] + _option_lines(package.options)
        if package.help:
            lines.append(package.help())
    for name, command in commands_by_name(request.packages).items():
        lines += ["", "%s: %s" % (name, first_line(command))] + _option_lines(command.options)
    if not ENGINE_OPTIONS[0].help:
        lines += ["", "This is the lean file: the whole one explains each option."]
    lines += [
        "",
        "Every option may also stand in pilot.json (min_disk_mb) and in the environment (PILOT_MIN_DISK_MB).",
        "",
        "exit codes:",
    ]
    lines += ["  %4d  %s" % (row.code, row.meaning) for row in EXIT_CODES]
    lines += ["  128+n  stopped by signal n; payloads ended, tasks released, report written"]
    return "\n".join(lines) + "\n"


def _option_lines(options: Sequence[Option]) -> List[str]:
    lines = []
    for option in options:
        spelled = ", ".join(option.flags + (option_flag(option.name),))
        if option.type is not boolean:
            spelled += " " + option.name.upper()
        lines.append("  %-34s %s" % (spelled, help_of(option)))
    return lines


def help_of(option: Option) -> str:
    """An option's help with its default, if it has one to show."""
    untold = option.default in (None, False, (), "", {}) or option.secret
    return option.help + ("" if untold else " (default: %s)" % shown(option.default))


def list_text(request: Request) -> str:
    """Every command with its first line and its file."""
    table = commands_by_name(request.packages)
    width = max(len(name) for name in table)
    lines = []
    for name, command in table.items():
        lines.append(
            "%-*s  %s\n%-*s  %s"
            % (width, name, first_line(command), width, "", source_file(command))
        )
    usual = next((package.usual for package in request.packages if package.usual), ())
    return "\n".join(lines) + "\n\nWithout -X: %s\n" % ",".join(usual)


def shown(value: object) -> str:
    """A value in the form in which an operator writes it."""
    plain = report.jsonable(value)
    if plain is None:
        return "-"
    if isinstance(value, (list, tuple)):
        # of --set NAME=VALUE
        pairs = all(isinstance(item, tuple) and len(item) == 2 for item in value)
        return ",".join("%s=%s" % item if pairs else shown(item) for item in value) or "-"
    if isinstance(plain, dict):
        return ",".join("%s=%s" % pair for pair in plain.items()) or "-"
    if isinstance(plain, bool):
        return "true" if plain else "false"
    return str(plain)

"""The text of --plan: the commands that would run, the settings and their sources."""

import os

from pilot.engine.cli import ENGINE_OPTIONS
from pilot.engine.packages import source_file
from pilot.engine.registry import package_options
from pilot.engine.request import TEXTS, Request
from pilot.engine.runner import DEFAULT_LIMIT_S
from pilot.engine.settings import DEFAULT
from pilot.engine.texts import shown


def describe_plan(request: Request) -> str:
    """The commands that would run, and every setting of the plan with its source."""
    lines = ["Would run, in this order:", ""]
    limits = request.settings["time_limits"]
    width = max([18] + [len(command.name) for command in request.plan])
    for number, command in enumerate(request.plan, 1):
        limit = float(limits.get(command.name, command.timeout_s or DEFAULT_LIMIT_S))
        lines.append(
            "  %d. %-*s at most %-8s  %s"
            % (number, width, command.name, format_duration(limit), source_file(command))
        )
        if command.requires or command.provides:
            needs = ", ".join(kind.__name__ for kind in command.requires) or "nothing"
            gives = ", ".join(kind.__name__ for kind in command.provides) or "nothing"
            lines.append("     reads %s; provides %s" % (needs, gives))
    used = {option.name for option in ENGINE_OPTIONS + package_options(request.packages)}
    used.update(option.name for command in request.plan for option in command.options)
    lines += ["", "Settings:", ""]
    told = [
        (name, setting)
        for name, setting in request.settings.public().items()
        if name in used - set(TEXTS + ("plan",))
    ]
    names = max([24] + [len(name) for name, _ in told])
    # settings that are not defaults come first
    for name, setting in sorted(told, key=lambda item: item[1]["source"] == DEFAULT):
        lines.append("  %-*s %-40s %s" % (names, name, shown(setting["value"]), setting["source"]))
    lines += (
        ["", "Odd:"] + ["  " + warning for warning in request.warnings] if request.warnings else []
    )
    lines += ["", "Workdir: %s" % os.path.abspath(request.settings["workdir"])]
    if request.doubts:
        lines += ["", "As it stands, this would be refused:"] + [
            "  " + doubt for doubt in request.doubts
        ]
    return "\n".join(lines) + "\n"


def format_duration(seconds: float) -> str:
    """90 s, 30 min, 4 h, 30 d: the largest unit in which the value is an integer."""
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length and seconds % length == 0:
            return "%d %s" % (seconds // length, unit)
    return "%g s" % seconds

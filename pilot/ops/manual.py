"""`python3 -m pilot.manual man|bash`: prints the man page or the completion for bash. It generates
both from the descriptions of the commands.

    python3 -m pilot.manual man > pilot.1          man ./pilot.1
    source <(python3 -m pilot.manual bash)
"""

import os
import sys
from typing import Callable, Dict, Iterable, List, Optional, Sequence

from pilot import VERSION
from pilot.engine import packages as loading, program, registry, search
from pilot.base import log
from pilot.engine.cli import ENGINE_OPTIONS, spellings
from pilot.command import Option
from pilot.errors import EXIT_CODES, UsageError
from pilot.engine.settings import option_flag
from pilot.engine.texts import help_of
from pilot.ops.tool import run_tool
from pilot.values import boolean

COMPLETION = """# bash completion for the pilot: source it, or put it into bash-completion's folder
_pilot() {
  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}
  case $prev in
    -X|--commands)
      local done=""; case $cur in *,*) done=${cur%%,*}, ;; esac
      COMPREPLY=($(compgen -P "$done" -W "%(commands)s" -- "${cur##*,}")); compopt -o nospace; return ;;
    %(files)s) COMPREPLY=($(compgen -f -- "$cur")); return ;;
  esac
  COMPREPLY=($(compgen -W "%(options)s" -- "$cur"))
}
complete -F _pilot pilot pilot.py pilot.pyz
"""
FILES = (
    "-F",
    "--config",
    "--workdir",
    "--report",
    "--tasks",
    "--explode",
    "--output-dir",
    "--agent-config",
)


def known_packages(extensions: Sequence[str]) -> List[loading.Package]:
    """Return the toolbox and these extensions. UsageError if an extension cannot be loaded."""
    search.opened(search.usual_roots(program.root(), os.getcwd(), dict(os.environ)))
    return loading.load(extensions)


def man_page(packages: Sequence[loading.Package]) -> str:
    """Return the man page in the format of man(7)."""
    lines = [
        ".TH PILOT 1 \"\" \"pilot %s\"" % VERSION,
        ".SH NAME",
        "pilot \\- turns this machine into a worker",
        ".SH SYNOPSIS",
        ".B pilot.py",
        "[\\fB\\-X\\fR \\fICommand1,Command2,...\\fR] [\\fB\\-E\\fR \\fIextension,...\\fR] "
        "[\\fB\\-F\\fR \\fIpilot.json\\fR] [\\fIoptions\\fR]",
        ".SH DESCRIPTION",
        "Runs the commands in order; the last of them launches the agent that pulls work. Every option may also stand in "
        "pilot.json (min_disk_mb) and in the environment (PILOT_MIN_DISK_MB).",
        ".SH OPTIONS",
    ]
    lines += _option_lines(ENGINE_OPTIONS + registry.package_options(packages))
    lines.append(".SH COMMANDS")
    for name, command in registry.commands_by_name(packages).items():
        lines += [
            ".SS %s" % name,
            escape_roff(" ".join((command.__doc__ or "").split())),
        ] + _option_lines(command.options)
    lines += [".SH EXIT STATUS"]
    for row in EXIT_CODES:
        lines += [".TP", ".B %d" % row.code, escape_roff(row.meaning)]
    return "\n".join(lines + [".TP", ".B 128+n", "stopped by signal n", ""])


def _option_lines(options: Iterable[Option]) -> List[str]:
    lines = []
    for option in options:
        names = ", ".join(
            "\\fB%s\\fR" % escape_roff(flag) for flag in option.flags + (option_flag(option.name),)
        )
        value = "" if option.type is boolean else " \\fI%s\\fR" % option.name
        lines += [".TP", names + value, escape_roff(help_of(option))]
    return lines


def escape_roff(text: str) -> str:
    """Escape a text for roff."""
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return "\\&" + text if text[:1] in (".", "'") else text


def bash_completion(packages: Sequence[loading.Package]) -> str:
    """Return a bash function that completes options, command names after -X, and files."""
    commands = registry.commands_by_name(packages)
    options = list(ENGINE_OPTIONS + registry.package_options(packages))
    options += [option for command in commands.values() for option in command.options]
    return COMPLETION % {
        "commands": " ".join(commands),
        "files": "|".join(FILES),
        "options": " ".join(sorted(spellings(options))),
    }


WRITERS: Dict[str, Callable[[Sequence[loading.Package]], str]] = {
    "man": man_page,
    "bash": bash_completion,
}


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Print the man page or the completion. Return the exit code."""
    return run_tool("pilot.manual", argv, _run_tool)


def _run_tool(words: List[str]) -> int:
    if not words or words[0] not in WRITERS:
        raise UsageError("usage: -m pilot.manual man|bash [EXTENSION...]")
    log.say(WRITERS[words[0]](known_packages(words[1:])))
    return 0


if __name__ == "__main__":
    sys.exit(main())

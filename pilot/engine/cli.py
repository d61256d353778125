"""The command line in two passes: the engine's options first, then those of every loaded
command."""

import os
from typing import Any, Dict, Iterable, List, NamedTuple, Optional, Sequence, Tuple

from pilot import hosts, values
from pilot.command import Option
from pilot.engine.settings import option_flag
from pilot.values import did_you_mean

ENGINE_OPTIONS: Tuple[Option, ...] = (
    Option("commands", "the commands to run, in this order", values.words, None, flags=("-X",)),
    Option(
        "extensions", "communities' packages: lhcb is pilot_lhcb", values.words, (), flags=("-E",)
    ),
    Option("config", "the site's pilot.json", flags=("-F",)),
    Option("setup", "which setup of pilot.json applies"),
    Option("vo", "the virtual organisation"),
    Option("ce", "the computing element"),
    Option("queue", "the queue of the computing element"),
    Option("site", "the site's name"),
    Option("ce_type", "the grid type of the computing element, for DIRAC's pilot.json"),
    Option(
        "workdir",
        "where the pilot works; $VARIABLES are filled in; made when it is missing",
        default=".",
    ),
    Option(
        "open_files",
        "let other users read workdir, log, events and report (default: only this user)",
        values.boolean,
        False,
    ),
    Option(
        "pilot_id",
        "the pilot's id; $VARIABLES are filled in; a new UUID by default",
        values.filled_name,
    ),
    Option("report", "the report file (default: pilot-report.json in the workdir)"),
    Option(
        "events",
        "a further destination for events: file:PATH, https://HOST:PORT (a pool server), stomp+ssl://HOST:PORT/QUEUE",
        values.event_place,
        repeat=True,
        default=(),
    ),
    Option("pool_token", "the token to show to the server of pool and events", secret=True),
    Option(
        "pool_token_file",
        "the file that holds this token, read anew when it is needed; $VARIABLES are filled in",
        os.path.expandvars,
    ),
    Option("time_limits", "time per command: Install=10m,CheckWorkerNode=60", values.pairs, {}),
    Option(
        "max_walltime",
        "seconds from the pilot's start after which all must be over",
        values.seconds,
    ),
    Option(
        "hold_s",
        "seconds to hold the slot after a failed check or installation: a range, 700-900, or 0",
        values.span,
        (0.0, 0.0),
    ),
    *hosts.OPTIONS,
    Option(
        "plan",
        "show what would run and every setting with its source; run nothing",
        values.boolean,
        False,
    ),
    Option("list", "list the commands and where each comes from", values.boolean, False),
    Option("step", "ask before each command", values.boolean, False),
    Option("debug", "log everything", values.boolean, False, flags=("-d",)),
    Option("version", "print the version", values.boolean, False),
    Option("help", "this text", values.boolean, False, flags=("-h",)),
    Option("explode", "unpack this program into a directory and end"),
)


class Scan(NamedTuple):
    """The content of a command line: raw text by option name, and a sentence per unknown word."""

    values: Dict[str, object]
    problems: List[str]


def spellings(options: Iterable[Option]) -> Dict[str, Option]:
    """Every way to write each option: {"--workdir": ..., "-X": ...}"""
    table: Dict[str, Option] = {}
    for option in options:
        for flag in (option_flag(option.name),) + option.flags:
            table.setdefault(flag, option)
    return table


def scan(argv: Sequence[str], options: Iterable[Option], strict: bool = True) -> Scan:
    """Read `--name value`, `--name=value`, `-X value` and switches; later wins unless repeatable.

    If not strict (the first pass), unknown words are ignored.
    """
    table, found, problems = (
        spellings(options),
        {},
        [],
    )  # type: Dict[str, Option], Dict[str, object], List[str]
    words, at = list(argv), 0
    while at < len(words):
        word, at = words[at], at + 1
        option, inline = _look_up(word, table)
        if option is None:
            if strict:
                problems.append(_unknown(word, table))
                at = _past_value(words, at, word)
            continue
        if option.type is values.boolean and inline is None:
            found[option.name] = "true"
            continue
        if inline is None:
            if at >= len(words) or words[at] in table:
                problems.append("%s needs a value: %s" % (word, option.help))
                continue
            inline, at = words[at], at + 1
        _store(found, option, inline)
    return Scan(found, problems)


def _look_up(word: str, table: Dict[str, Option]) -> Tuple[Optional[Option], Optional[str]]:
    if word in table:
        return table[word], None
    name, equals, value = word.partition("=")
    if word.startswith("--") and equals and name in table:
        return table[name], value
    if len(word) > 2 and word[0] == "-" and word[1] != "-" and word[:2] in table:
        option = table[word[:2]]
        if option.type is not values.boolean:
            return option, word[2:].lstrip("=")
    return None, None


def _unknown(word: str, table: Dict[str, Option]) -> str:
    name = word.partition("=")[0]
    if not name.startswith("-"):
        return "what is %r? Every value follows an option; see --help" % word
    return "unknown option %s%s; --help lists them" % (name, did_you_mean(name, table))


def _past_value(words: List[str], at: int, word: str) -> int:
    takes = (
        word.startswith("-")
        and "=" not in word
        and at < len(words)
        and not words[at].startswith("-")
    )
    return at + 1 if takes else at


def _store(values: Dict[str, Any], option: Option, text: str) -> None:
    if option.repeat:
        values.setdefault(option.name, []).append(text)
    else:
        values[option.name] = text

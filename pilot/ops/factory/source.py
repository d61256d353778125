"""Demand that does not come from a pool: a number in the file, or one that a program prints."""

import os
import shlex
from typing import Dict, NamedTuple, Tuple

from pilot.ops.factory.backends.commands import ask_command
from pilot.ops.factory.jobs import NoAnswer

POOL, FIXED, PROGRAM = "pool", "fixed", "program"


class DemandSource(NamedTuple):
    """Where the demand of a site comes from: its pool, a fixed number of pilots, or a program with
    these words that prints the number."""

    kind: str = POOL
    pilots: int = 0
    words: Tuple[str, ...] = ()


def parse_source(text: str) -> DemandSource:
    """The source that these words name. ValueError with a sentence."""
    kind, _, rest = text.partition(":")
    if text == POOL:
        return DemandSource()
    if kind == FIXED and rest.strip().isdecimal():
        return DemandSource(FIXED, int(rest))
    if kind == PROGRAM and shlex.split(rest):
        return DemandSource(PROGRAM, words=tuple(shlex.split(rest)))
    raise ValueError("%r is not pool, fixed:N or program:WORDS" % text)


def read_source(source: DemandSource, environ: Dict[str, str], folder: str) -> int:
    """The number of pilots that a fixed number or a program wants in all; a program runs in the
    file's folder. Raises NoAnswer."""
    if source.kind == FIXED:
        return source.pilots
    text = ask_command(source.words, environ, cwd=folder).strip()
    if not text.isdecimal():
        raise NoAnswer("%s printed %r, which is no number" % (os.path.basename(source.words[0]), text[:100]))
    return min(int(text), 10 ** 9)

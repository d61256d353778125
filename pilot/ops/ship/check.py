"""What is asked of pilot.ship, looked at before anything is written: names, words, what a world has
no use for, secrets."""

import json
import re
from typing import Any, Dict, List, Sequence, Set

from pilot.base.log import passwords

SLOT = {"cores", "memory", "walltime"}
USES: Dict[str, Set[str]] = {  # of those options that not every world can act upon
    "slurm": SLOT | {"warn", "queue", "count"},
    "gridengine": SLOT | {"queue", "count"},
    "htcondor": SLOT | {"count"},
    "arc": SLOT | {"queue"},
    "kubernetes": SLOT | {"count", "image"},
    "systemd": SLOT,
    "boinc": SLOT,
    "cloud-init": {"walltime", "cloud", "url", "format", "stay", "resume"},
    "vac": {"walltime", "url", "stay", "resume"},
}
SECRET_OPTION = re.compile(r"--?[\w-]*(token|secret|password)$", re.I)
# inside another program's command line, or a URL's query
_SECRET_WORD = re.compile(r"(token|secret|password)[= ]\S", re.I)
_SECRET_NAME = re.compile(r"(token|secret|password)$", re.I)


def useless_options(world: str, given: Dict[str, object], default: Dict[str, object]) -> List[str]:
    """A sentence for every option that was given and of which nothing would be seen in what is
    written."""
    known = set().union(*USES.values())
    return ["%s has no --%s: it would change nothing there" % (world, name)
            for name in sorted(known - USES[world]) if given.get(name) != default.get(name)]


def odd_texts(names: Sequence[str], words: Sequence[str]) -> List[str]:
    """Names go into files of many syntaxes: they are plain; the pilot's words are lines at
    least."""
    odd = [
        name
        for name in names
        if not all(" " < letter < "\x7f" and letter not in "\"'\\`$" for letter in name)
    ]
    broken = [word for word in words if any(letter < " " for letter in word)]
    return [
        "%r: a name here is of plain ASCII without blanks and quotes" % name for name in odd
    ] + [
        "%r: a word for the pilot holds no control characters here; put it into a pilot.json (--config)"
        % word
        for word in broken
    ]


def has_secret(words: Sequence[str], defaults: bytes = b"") -> bool:
    """Whether a token, a secret or a URL's password stands in the pilot's words, or in what is
    built in."""
    told = any(
        SECRET_OPTION.match(word.partition("=")[0]) or passwords(word) or _SECRET_WORD.search(word)
        for word in words
    )
    return told or _is_secret("", json.loads(defaults.decode("utf-8")) if defaults else {})


def _is_secret(name: str, value: Any) -> bool:
    if isinstance(value, dict):
        return any(_is_secret(key, inner) for key, inner in value.items())
    if isinstance(value, list):
        return any(_is_secret(name, inner) for inner in value)
    return bool(value) and (bool(_SECRET_NAME.search(name)) or bool(passwords(str(value))))

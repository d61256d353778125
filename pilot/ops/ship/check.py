"""Checks before the tool writes any file: names and words that break a syntax, and secrets."""

import json
import re
from typing import List, Sequence, Tuple

from pilot.base.log import passwords

SECRET_OPTION = re.compile(r"--?[\w-]*(token|secret|password)$", re.I)
# inside the command line of another program, or in the query of a URL
_SECRET_WORD = re.compile(r"(token|secret|password)[= ]\S", re.I)
_SECRET_NAME = re.compile(r"(token|secret|password)$", re.I)


def odd_texts(names: Sequence[str], words: Sequence[str]) -> List[str]:
    """Return a sentence for each name that a syntax could misread, and for each word with control
    characters."""
    odd = [
        name
        for name in names
        if not all(" " < letter < "\x7f" and letter not in "\"'\\`$" for letter in name)
    ]
    broken = [word for word in words if any(letter < " " for letter in word)]
    return [
        "%r: a name consists of ASCII characters without blanks and quotes" % name for name in odd
    ] + [
        "%r: a word for the pilot cannot contain control characters; put it into a pilot.json (--config)"
        % word
        for word in broken
    ]


def odd_variables(variables: Sequence[Tuple[str, str]]) -> List[str]:
    """Return a sentence for each variable that a batch system could misread: Slurm and Grid Engine
    list them with commas, and end a line's option at a blank."""
    return [
        "--environment %s: a value has no blanks, commas, quotes and backslashes" % name
        for name, value in variables
        if any(letter <= " " or letter in ",\"'\\" for letter in value)
    ]


def has_secret(words: Sequence[str], defaults: bytes = b"") -> bool:
    """Return whether the pilot's words or its built-in settings contain a token, a secret or a URL
    with a password."""
    in_words = any(
        SECRET_OPTION.match(word.partition("=")[0]) or passwords(word) or _SECRET_WORD.search(word)
        for word in words
    )
    return in_words or _is_secret("", json.loads(defaults.decode("utf-8")) if defaults else {})


def _is_secret(name: str, value: object) -> bool:
    if isinstance(value, dict):
        return any(_is_secret(key, inner) for key, inner in value.items())
    if isinstance(value, list):
        return any(_is_secret(name, inner) for inner in value)
    return bool(value) and (bool(_SECRET_NAME.search(name)) or bool(passwords(str(value))))

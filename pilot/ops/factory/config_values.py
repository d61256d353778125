"""Reads values of the factory's INI file. Each function raises ValueError with a sentence."""

import shlex
from typing import Tuple

from pilot import values


def quoted_words(text: str) -> Tuple[str, ...]:
    """Words as in a shell."""
    return tuple(shlex.split(text))


def assignments(text: str) -> Tuple[Tuple[str, str], ...]:
    """NAME=VALUE words."""
    return tuple(values.assignment(word) for word in shlex.split(text))


def positive(text: str) -> int:
    """A whole number from 1."""
    number = values.count(text)
    if not number:
        raise ValueError("%r is not a whole number from 1" % text)
    return number


def fraction(text: str) -> float:
    """A number from 0 to 1."""
    number = float(text)
    if not 0.0 <= number <= 1.0:
        raise ValueError("%r is not a number from 0 to 1" % text)
    return number


def time_spans(text: str) -> Tuple[Tuple[float, float], ...]:
    """BEGIN+LENGTH words with commas between, in seconds."""
    spans = []
    for word in values.words(text):
        begin, plus, length = word.partition("+")
        if not plus:
            raise ValueError("%r is not BEGIN+LENGTH, as in 6h+2h" % word)
        spans.append((values.seconds(begin), values.seconds(length)))
    return tuple(spans)

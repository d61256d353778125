"""What is to be shipped, and the parcel that comes out: values that every world shares."""

import shlex
from typing import Dict, NamedTuple, Optional, Sequence, Tuple


class Order(NamedTuple):
    """The pilot's files, its own words, and the slot to ask for. None: do not ask, the world's
    default holds."""

    files: Dict[str, bytes]
    words: Tuple[str, ...]
    cores: Optional[int] = None
    memory_mb: Optional[int] = None
    walltime_s: Optional[float] = None
    queue: str = ""
    pilots: int = 1
    warn_s: float = 120.0  # how long before the end the world is to warn, where it can
    image: str = ""


class Parcel(NamedTuple):
    """Files by name, and what to do with them, one command a line."""

    files: Dict[str, bytes]
    use: Tuple[str, ...]


def walltime_words(order: Order) -> Tuple[str, ...]:
    """The pilot's words, and the slot's length unless they say it themselves: not every world tells
    a job its end."""
    told = any(word.partition("=")[0] == "--max-walltime" for word in order.words)
    if order.walltime_s is None or told:
        return order.words
    return order.words + ("--max-walltime", "%d" % order.walltime_s)


def own_workdir(order: Order, folder: str) -> Tuple[str, ...]:
    """The words, and this workdir unless they name one: jobs of one submission start in the same
    folder."""
    told = any(word.partition("=")[0] == "--workdir" for word in order.words)
    return walltime_words(order) + (() if told else ("--workdir", folder))


def quote_words(words: Sequence[str]) -> str:
    """Words as a shell reads them."""
    return " ".join(shlex.quote(word) for word in words)


def format_clock(seconds: float) -> str:
    """Seconds as H:M:S, rounded up to a minute: batch systems count in those."""
    minutes = int(-(-seconds // 60))
    return "%d:%02d:00" % (minutes // 60, minutes % 60)

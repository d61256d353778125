"""What to ship, the files that result, and a world that can receive them."""

import shlex
from typing import Callable, Dict, FrozenSet, NamedTuple, Optional, Sequence, Tuple


SLOT = frozenset(("cores", "memory", "walltime"))  # options that most worlds use


class Journey(NamedTuple):
    """How the pilot gets into a machine of a cloud, and what happens there."""

    cloud: str = "nocloud"
    urls: Tuple[str, ...] = ()
    form: str = "script"
    power_off: bool = True
    resume: bool = False  # run again after a reboot during the work


class Order(NamedTuple):
    """The pilot's files, its own words, and the slot to request. None: the world's default."""

    files: Dict[str, bytes]
    words: Tuple[str, ...]
    cores: Optional[int] = None
    memory_mb: Optional[int] = None
    walltime_s: Optional[float] = None
    queue: str = ""
    pilots: int = 1
    warn_s: float = 120.0  # how long before the end the world warns, if it can
    image: str = ""
    journey: Journey = Journey()


class Parcel(NamedTuple):
    """Files by name, and how to use them, one command per line."""

    files: Dict[str, bytes]
    use: Tuple[str, ...]


class World(NamedTuple):
    """A system that pilots are shipped to: its name, the function that writes its files, those
    options it uses that not every world can use, and a warning about secrets."""

    name: str
    ship: Callable[[Order], Parcel]
    options: FrozenSet[str]
    secret_note: str = ""


def walltime_words(order: Order) -> Tuple[str, ...]:
    """The pilot's words, with the length of the slot unless they contain it: not every world informs
    a job about its end."""
    is_set = any(word.partition("=")[0] == "--max-walltime" for word in order.words)
    if order.walltime_s is None or is_set:
        return order.words
    return order.words + ("--max-walltime", "%d" % order.walltime_s)


def own_workdir(order: Order, folder: str) -> Tuple[str, ...]:
    """The words, with this workdir unless they contain one: jobs of one submission start in the
    same folder."""
    is_set = any(word.partition("=")[0] == "--workdir" for word in order.words)
    return walltime_words(order) + (() if is_set else ("--workdir", folder))


def quote_words(words: Sequence[str]) -> str:
    """Words, quoted for a shell."""
    return " ".join(shlex.quote(word) for word in words)


def format_clock(seconds: float) -> str:
    """Seconds as H:M:S, rounded up to a minute: batch systems count in those."""
    minutes = int(-(-seconds // 60))
    return "%d:%02d:00" % (minutes // 60, minutes % 60)

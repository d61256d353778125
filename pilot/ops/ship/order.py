"""What to ship, the files that result, and the target system ("world") that receives them."""

import shlex
from typing import Callable, Dict, FrozenSet, NamedTuple, Optional, Sequence, Tuple


SLOT = frozenset(("cores", "memory", "walltime"))  # options that most worlds use


class Journey(NamedTuple):
    """How the pilot gets into a virtual machine of a cloud, and what happens there."""

    cloud: str = "nocloud"
    urls: Tuple[str, ...] = ()
    form: str = "script"
    power_off: bool = True
    resume: bool = False  # run the pilot again if the machine reboots before the pilot has finished


class Order(NamedTuple):
    """The pilot's files, the pilot's words, and the slot to request. None means the default of the
    world."""

    files: Dict[str, bytes]
    words: Tuple[str, ...]
    cores: Optional[int] = None
    memory_mb: Optional[int] = None
    walltime_s: Optional[float] = None
    queue: str = ""
    pilots: int = 1
    warn_s: float = 120.0  # how long before its end the world warns a job, if it can
    image: str = ""
    name: str = "pilot"  # of the job
    environment: Tuple[Tuple[str, str], ...] = ()  # variables of the job
    results: str = ""  # the folder for the job's outputs; "": where it was submitted
    journey: Journey = Journey()

    def result_path(self, name: str) -> str:
        """A file or folder among the job's outputs."""
        return self.results.rstrip("/") + "/" + name if self.results else name


class Parcel(NamedTuple):
    """The files by name, and the commands that use them, one per line."""

    files: Dict[str, bytes]
    use: Tuple[str, ...]


class World(NamedTuple):
    """A system that pilots are shipped to: its name, the function that writes its files, the
    options that it uses and only some worlds use, and a warning about secrets."""

    name: str
    ship: Callable[[Order], Parcel]
    options: FrozenSet[str]
    secret_note: str = ""


def walltime_words(order: Order) -> Tuple[str, ...]:
    """Return the pilot's words. Add the length of the slot if they do not set it, because some
    worlds do not report the end of the slot to a job."""
    is_set = any(word.partition("=")[0] == "--max-walltime" for word in order.words)
    if order.walltime_s is None or is_set:
        return order.words
    return order.words + ("--max-walltime", "%d" % order.walltime_s)


def own_workdir(order: Order, folder: str) -> Tuple[str, ...]:
    """Return the words. Add this workdir if they do not set one, because the jobs of one submission
    start in the same folder."""
    is_set = any(word.partition("=")[0] == "--workdir" for word in order.words)
    return walltime_words(order) + (() if is_set else ("--workdir", folder))


def quote_words(words: Sequence[str]) -> str:
    """Quote words for a shell."""
    return " ".join(shlex.quote(word) for word in words)


def format_clock(seconds: float) -> str:
    """Write seconds as H:M:S, rounded up to a minute, because batch systems count in minutes."""
    minutes = int(-(-seconds // 60))
    return "%d:%02d:00" % (minutes // 60, minutes % 60)

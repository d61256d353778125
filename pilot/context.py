"""What a command may use: settings, facts, environment for children, workdir, pilot id."""

import os
import time
from typing import Callable, Dict, List, Optional, Type, TypeVar, cast

from pilot.errors import UsageError
from pilot.events.stream import Stream
from pilot.facts import BatchJob
from pilot.base.interrupts import Interrupts
from pilot.base.log import Masker
from pilot.node import features
from pilot.node.deadline import MAX_WALLTIME, RESERVE_S, Deadline
from pilot.engine.settings import Settings
from pilot.base.shared_defaults import DRAIN_FILES

Kind = TypeVar("Kind")
SAFE_PATH = "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin"


FILE_VARIABLES = (
    "PILOT_POOL_TOKEN_FILE",
    "BEARER_TOKEN_FILE",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "X509_CERT_DIR",
    "X509_USER_PROXY",
)


def child_environ(environ: Dict[str, str], workdir: str) -> Dict[str, str]:
    """A copy for children that always has PATH and HOME, which cloud-init and HTCondor omit."""
    copy = dict(environ)
    copy["PATH"] = copy.get("PATH") or SAFE_PATH
    copy["HOME"] = copy.get("HOME") or workdir
    # children start in other folders: a relative path of ours would be wrong there
    for name in FILE_VARIABLES:
        if copy.get(name):
            copy[name] = os.path.abspath(copy[name])
    return copy


class Context:
    """Every command gets it. Commands may change `environ`: it is a copy for children."""

    def __init__(self, settings: Settings, environ: Dict[str, str], workdir: str, pilot_id: str,
                 stream: Stream, interrupts: Interrupts, masker: Masker) -> None:
        self.settings = settings
        self.environ = child_environ(environ, workdir)
        self.workdir = workdir
        self.pilot_id = pilot_id
        self.events = stream
        self.interrupts = interrupts
        self.masker = masker
        walltime = settings["max_walltime"] if "max_walltime" in settings else None
        self.deadline = Deadline(
            {} if walltime is None else {MAX_WALLTIME: walltime},
            lambda: features.known_ends(features.find(self.environ)),
            settings["drain_files"] if "drain_files" in settings else DRAIN_FILES,
        )
        self._facts: Dict[type, object] = {}
        self._shared: Dict[type, object] = {}

    def get(self, kind: Type[Kind]) -> Kind:
        """The newest fact of this kind; UsageError when no command before provided one."""
        fact = self.find(kind)
        if fact is None:
            raise UsageError(
                "no %s is known: no command before this one provided it" % kind.__name__
            )
        return fact

    def find(self, kind: Type[Kind]) -> Optional[Kind]:
        """The newest fact of this kind, or None."""
        return cast(Optional[Kind], self._facts.get(kind))

    def add(self, fact: object) -> None:
        """Store a fact; a later one of the same kind wins."""
        self._facts[type(fact)] = fact

    def shared(self, kind: Type[Kind], make: Callable[[], Kind]) -> Kind:
        """An object that the commands of one community share and no other command reads; the first
        call makes it."""
        if kind not in self._shared:
            self._shared[kind] = make()
        return cast(Kind, self._shared[kind])

    def facts(self) -> List[object]:
        """All facts, in the order in which their kinds were first added."""
        return list(self._facts.values())

    def time_left_s(self, reserve_s: float = RESERVE_S) -> Optional[float]:
        """Seconds of this slot for work that takes `reserve_s` to end (of a short slot a quarter at
        most); None when no end is known. The end is the earliest of --max-walltime, the batch
        system's limit, Machine/Job Features, BOINC's and a spot notice."""
        return self.deadline.left_s(reserve_s)

    def slot_is_over(self) -> str:
        """The sentence for the end of the slot, with its source."""
        end = self.deadline.end()
        return "the slot's end by %s" % end.source if end else "the slot is over"

    def know_batch(self, job: BatchJob) -> None:
        """Store when the batch system ends this job, if it says so."""
        if job.time_left_s is not None:
            since = time.monotonic() - job.asked_s if job.asked_s else 0.0
            self.deadline.add_end("%s (%s)" % (job.system, job.source), job.time_left_s - since)

    def path(self, *parts: str) -> str:
        """A path in the workdir."""
        return os.path.join(self.workdir, *parts)

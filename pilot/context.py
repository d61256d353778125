"""What a command may see: settings, facts, environment for children, workdir, pilot id."""

import os
import time
from typing import Any, Callable, Dict, List, Optional, Type, TypeVar, cast

from pilot.errors import UsageError
from pilot.events.stream import Stream
from pilot.interrupts import Interrupts
from pilot.log import Masker
from pilot.settings import Settings

Kind = TypeVar("Kind")
SAFE_PATH = "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin"


FILE_VARIABLES = ("PILOT_POOL_TOKEN_FILE", "BEARER_TOKEN_FILE", "SSL_CERT_FILE", "SSL_CERT_DIR", "X509_CERT_DIR", "X509_USER_PROXY")


def child_environ(environ: Dict[str, str], workdir: str) -> Dict[str, str]:
    """A copy for children that always has PATH and HOME, which cloud-init and HTCondor leave out."""
    copy = dict(environ)
    copy["PATH"] = copy.get("PATH") or SAFE_PATH
    copy["HOME"] = copy.get("HOME") or workdir
    for name in FILE_VARIABLES:  # children start elsewhere: a path from where we started would mislead them
        if copy.get(name):
            copy[name] = os.path.abspath(copy[name])
    return copy


class Context:
    """Handed to each command. `environ` may be changed: it is a copy that children get."""

    def __init__(self, settings: Settings, environ: Dict[str, str], workdir: str, pilot_id: str,
                 stream: Stream, interrupts: Interrupts, masker: Masker) -> None:
        self.settings = settings
        self.environ = child_environ(environ, workdir)
        self.workdir = workdir
        self.pilot_id = pilot_id
        self.events = stream
        self.interrupts = interrupts
        self.masker = masker
        self.started = time.monotonic()
        self.max_walltime_s: Optional[float] = settings["max_walltime"] if "max_walltime" in settings else None
        self._facts: Dict[type, object] = {}
        self._shared: Dict[type, object] = {}

    def get(self, kind: Type[Kind]) -> Kind:
        """The newest fact of this kind; UsageError when no command before provided one."""
        fact = self.find(kind)
        if fact is None:
            raise UsageError("no %s is known: no command before this one provided it" % kind.__name__)
        return fact

    def find(self, kind: Type[Kind]) -> Optional[Kind]:
        """The newest fact of this kind, or None."""
        return cast(Optional[Kind], self._facts.get(kind))

    def add(self, fact: object) -> None:
        """Keep a fact; a later one of the same kind wins."""
        self._facts[type(fact)] = fact

    def shared(self, kind: Type[Kind], make: Callable[[], Kind]) -> Kind:
        """What the commands of one community share and no other reads: made by the first that asks."""
        if kind not in self._shared:
            self._shared[kind] = make()
        return cast(Kind, self._shared[kind])

    def facts(self) -> List[Any]:
        """All facts, in the order their kinds were first found."""
        return list(self._facts.values())

    def time_left_s(self) -> Optional[float]:
        """Seconds until --max-walltime is over; None without it."""
        return None if self.max_walltime_s is None else self.started + self.max_walltime_s - time.monotonic()

    def path(self, *parts: str) -> str:
        """A path in the workdir."""
        return os.path.join(self.workdir, *parts)

"""What a pilot tells whoever hosts it: the interface that a pilot's life knows."""

from typing import Callable, NamedTuple, Tuple

from pilot.errors import UsageError

Progress = Callable[[], Tuple[float, int]]  # the fraction done (0 to 1), and tasks that have ended


class PilotEnd(NamedTuple):
    """How a pilot ends: its exit code, tasks that were run, whether work was asked for, why."""

    code: int
    tasks: int
    asked_for_work: bool
    reason: str


class Host:
    """A host that wants nothing. A subclass overrides what its host wants."""

    shares_files = False  # whether another user is to read our report, log and events

    def resolve_path(self, path: str) -> str:
        """Where the host wants the file that we would write there."""
        return path

    def begin(self, progress: Progress) -> None:
        """The pilot runs: called once, before anything can go wrong with its workdir."""

    def stopping(self, code: int) -> None:
        """A signal came: called in its handler, once; the pilot will end with this code."""

    def ended(self, ending: PilotEnd) -> int:
        """The last call, on every end; returns the exit code that the host is to see."""
        return ending.code


class MissingHost(Host):
    """A host whose part this file lacks; `wanted` by name, or only seen."""

    def __init__(self, wanted: bool) -> None:
        self._wanted = wanted

    def begin(self, progress: Progress) -> None:
        """UsageError where the command line names files for it."""
        if self._wanted:
            raise UsageError("this file has no part for BOINC (pilot.bundle --lean)")

"""The interface between a pilot and the system that hosts it."""

from typing import Callable, NamedTuple, Tuple

from pilot.errors import UsageError

Progress = Callable[[], Tuple[float, int]]  # the fraction done (0 to 1), and tasks that have ended


class PilotEnd(NamedTuple):
    """How a pilot ended: its exit code, the number of tasks it ran, whether it asked for work, and
    the reason."""

    code: int
    tasks: int
    asked_for_work: bool
    reason: str


class Host:
    """A host that expects no reports. Subclasses override what their host needs."""

    shares_files = False  # whether another user must be able to read the report, log and events

    def resolve_path(self, path: str) -> str:
        """The path at which the host expects the file for `path`."""
        return path

    def begin(self, progress: Progress) -> None:
        """The pilot runs. Called once, before any error with the workdir is possible."""

    def stopping(self, code: int) -> None:
        """A signal arrived. Called once, in the signal handler; the pilot will exit with this
        code."""

    def ended(self, ending: PilotEnd) -> int:
        """The last call, however the pilot ends; returns the exit code for the host."""
        return ending.code


class MissingHost(Host):
    """A host whose module is not in this file. `wanted` is true if the settings name files for it,
    false if it was only detected."""

    def __init__(self, wanted: bool) -> None:
        self._wanted = wanted

    def begin(self, progress: Progress) -> None:
        """Raises UsageError if the command line names files for this host."""
        if self._wanted:
            raise UsageError("this file has no part for BOINC (pilot.bundle --lean)")

"""The files of one run: the workdir, the log, the events and the report in it."""

import os
from typing import TYPE_CHECKING, Dict, List, NamedTuple

from pilot.engine import report
from pilot.engine.settings import Settings
from pilot.errors import NodeUnfit

if TYPE_CHECKING:
    from pilot.hosts.host import Host

LOG = "pilot.log"
EVENTS = "pilot-events.jsonl"


class RunFiles(NamedTuple):
    """The paths of the files of a run, and the mode of new ones."""

    workdir: str
    report: str
    mode: int

    @property
    def log(self) -> str:
        """The log's path."""
        return os.path.join(self.workdir, LOG)

    @property
    def events(self) -> str:
        """The path of the events file."""
        return os.path.join(self.workdir, EVENTS)

    def existing(self) -> Dict[str, str]:
        """The paths by name, for the summary, without those of files that could not be written."""
        paths = {"log": self.log, "events": self.events, "report": self.report}
        return {name: path for name, path in paths.items() if os.path.exists(path)}


def resolve_files(settings: Settings, hosts: "List[Host]") -> RunFiles:
    """The files that the settings name; a host may move the report, or make it readable for
    others."""
    workdir = os.path.abspath(os.path.expanduser(os.path.expandvars(settings["workdir"])))
    path = os.path.abspath(settings["report"] or os.path.join(workdir, report.NAME))
    for host in hosts:
        path = host.resolve_path(path)
    shared = settings["open_files"] or any(host.shares_files for host in hosts)
    return RunFiles(workdir, path, 0o644 if shared else 0o600)


def make_folders(files: RunFiles, settings: Settings, environ: Dict[str, str]) -> int:
    """Make the workdir and the report's folder, and open the log for appending; returns its
    descriptor. NodeUnfit when that is impossible."""
    if settings["open_files"]:
        os.umask(0o022)
    readable = (files.mode & 0o444) >> 2 | (0o011 if os.geteuid() == 0 else 0)
    try:
        os.makedirs(files.workdir, files.mode | readable, exist_ok=True)
        os.makedirs(os.path.dirname(files.report), exist_ok=True)
        report.keep_former(files.report, environ)
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        return os.open(files.log, flags, files.mode)
    except OSError as error:
        raise unusable_workdir(files, error)


def unusable_workdir(files: RunFiles, error: OSError) -> NodeUnfit:
    """The error for a workdir that cannot be written."""
    return NodeUnfit(
        "workdir %s cannot be used: %s: %s; give a writable one with --workdir"
        % (files.workdir, error.filename, error.strerror)
    )


def check_space(workdir: str) -> None:
    """NodeUnfit when the disk is full."""
    space = os.statvfs(workdir)
    if not space.f_bavail * space.f_frsize and space.f_blocks:
        raise NodeUnfit("workdir %s: the disk is full" % workdir)
